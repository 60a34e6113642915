"""All settings, from the environment. Every variable is described in `.env.example`; each may be given as `NAME_FILE`."""

import secrets
from pathlib import Path
from typing import Any

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from . import environment as env

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.text("DATA_DIR", "data"))
if not DATA_DIR.is_absolute():
    DATA_DIR = BASE_DIR / DATA_DIR
DEBUG = env.flag("DEBUG", False)
# The demo and the debug mode make their secrets in the data folder; everywhere else their absence stops the start.
DEMO = env.flag("DEMO", False)


def _secret(name: str, make: Any) -> str:
    """The secret from the environment, or in the demo and in debug mode one made at first start, kept in the data folder for its owner only."""
    value = env.text(name, "")
    if value:
        return value
    if not (DEMO or DEBUG):
        raise ImproperlyConfigured(
            f"{name} is not set. Set it, or {name}_FILE, in the environment; `make secrets` prints fresh values."
        )
    path = DATA_DIR / f"{name.lower()}.txt"
    if not path.exists():
        DATA_DIR.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(make(), encoding="ascii")
    return path.read_text(encoding="ascii").strip()


SECRET_KEY = _secret("SECRET_KEY", lambda: secrets.token_urlsafe(50))
# Fernet keys, newest first: the first one encrypts, all of them decrypt.
FIELD_ENCRYPTION_KEYS = [
    key.strip() for key in _secret("FIELD_ENCRYPTION_KEYS", lambda: Fernet.generate_key().decode()).split(",") if key.strip()
]
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "actito_exports.apps.ProjectConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_celery_beat",
    "django_filters",
    "django_htmx",
    "axes",
    "csp",
    "accounts",
    "interactions",
    "transfers",
    "flows",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "actito_exports.urls"
WSGI_APPLICATION = "actito_exports.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database: SQLite in the data folder, or whatever DATABASE_URL names ------------------------------------

_database_url = env.text("DATABASE_URL", "") or f"sqlite:///{DATA_DIR / 'portal.sqlite3'}"
DATABASES: dict[str, dict[str, Any]] = {"default": dict(environ.Env.db_url_config(_database_url))}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    # A file, since threads of a test cannot share an in-memory database.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
elif DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must name a sqlite or a postgres database.")
else:
    DATABASES["default"].update({"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True})
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Planner settings of an export on PostgreSQL. Parallel workers gain nothing on a small machine and take the
# core that compresses; on a large database server set them as its operators see fit.
EXPORT_WORK_MEM = env.text("EXPORT_WORK_MEM", "64MB")
EXPORT_PARALLEL_WORKERS = env.number("EXPORT_PARALLEL_WORKERS", 0)

# --- Files ---------------------------------------------------------------------------------------------------

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(DATA_DIR / "files")}},
    "archives": env.storage("ARCHIVE_STORAGE_URL", DATA_DIR / "archives"),
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG or DEMO
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
# Where files are made before they go to the archive storage; on the same file system as a folder of archives.
WORK_DIR = Path(env.text("WORK_DIR", str(DATA_DIR / "work")))
ARCHIVE_CODEC = env.text("ARCHIVE_CODEC", "zlib-ng")
if ARCHIVE_CODEC not in {"zlib-ng", "isal"}:
    raise ImproperlyConfigured(f"ARCHIVE_CODEC is {ARCHIVE_CODEC!r}; write zlib-ng or isal.")
RETENTION_DAYS = env.number("RETENTION_DAYS", 5, minimum=1)
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
# The demo serves the static files where they lie, without a collectstatic before.
WHITENOISE_USE_FINDERS = DEBUG or DEMO

# --- Runs and deliveries -------------------------------------------------------------------------------------

# A worker that has not renewed its claim for LEASE_SECONDS is taken for dead; it renews at every third of it.
LEASE_SECONDS = env.number("LEASE_SECONDS", 300, minimum=3)
# Tries of a run before it is left to a person. A delivery has no such cap: its archive is kept until it goes out.
RUN_ATTEMPTS = env.number("RUN_ATTEMPTS", 5, minimum=1)
# Exports under way at the same time, on all workers together; 0 is as many as there are worker processes. With a limit there
# can be more processes, which then have hands free for deliveries.
EXPORTS_AT_ONCE = env.number("EXPORTS_AT_ONCE", 0)
# Exports of one account under way at the same time, on all workers together; 0 is no limit. Below the number of worker
# processes, so that one account's large files leave a worker for the others.
EXPORTS_PER_ACCOUNT = env.number("EXPORTS_PER_ACCOUNT", 0)
# Flows start in turn within so many minutes after their launch time, each in the same minute every day; 0 starts all at once.
LAUNCH_SPREAD_MINUTES = env.number("LAUNCH_SPREAD_MINUTES", 0)
# A failed try is followed by the next after 1, 2, 4 … times this, up to RETRY_MAX_SECONDS.
RETRY_SECONDS = env.number("RETRY_SECONDS", 60, minimum=1)
RETRY_MAX_SECONDS = env.number("RETRY_MAX_SECONDS", 3600, minimum=1)
# Connect, banner, log-in and transfer time-out of a server, in seconds.
TRANSFER_TIMEOUT = env.number("TRANSFER_TIMEOUT", 60, minimum=1)

# --- Celery --------------------------------------------------------------------------------------------------

CELERY_BROKER_URL = env.text("CELERY_BROKER_URL", "") or "filesystem://"
if CELERY_BROKER_URL.startswith("filesystem"):
    _queue = DATA_DIR / "queue"
    for _folder in (_queue / "messages", _queue / "control"):
        _folder.mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
        "data_folder_in": str(_queue / "messages"),
        "data_folder_out": str(_queue / "messages"),
        "control_folder": str(_queue / "control"),
    }
elif CELERY_BROKER_URL.startswith("redis"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_keepalive": True, "socket_timeout": 30, "socket_connect_timeout": 10}
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = {"confirm_publish": True}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
# Each sending is noted in the database at once, since monitoring reads there when the last tick was.
CELERY_BEAT_SYNC_EVERY = 1
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_POOL = "actito_exports.pool:Pool"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_MAX_TASKS_PER_CHILD = 1000
# A new connection for each task cost more than a small export. `actito_exports.celery` drops the broken ones.
CELERY_DB_REUSE_MAX = 1000
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_SOFT_TIME_LIMIT = env.number("TASK_SOFT_TIME_LIMIT", 6 * 3600)
CELERY_TASK_TIME_LIMIT = CELERY_TASK_SOFT_TIME_LIMIT + 600
CELERY_TIMEZONE = "UTC"

# --- Who may come in -----------------------------------------------------------------------------------------

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "locked_out.html"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "history"
LOGOUT_REDIRECT_URL = "login"

_https = not (DEBUG or DEMO) and env.flag("HTTPS", True)
SECURE_SSL_REDIRECT = _https
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _https
SECURE_HSTS_PRELOAD = _https
SESSION_COOKIE_SECURE = _https
CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_AGE = 12 * 3600
if env.flag("BEHIND_PROXY", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

# --- Language, time, mail, logs --------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
EMAIL_CONFIG = environ.Env.email_url_config(env.text("EMAIL_URL", "") or "consolemail://")
vars().update({key: value for key, value in EMAIL_CONFIG.items() if key.startswith("EMAIL_")})
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "export portal <exports@localhost>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
ADMINS = [(address, address) for address in env.words("ADMINS")]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structured": {
            "()": "structlog.stdlib.ProcessorFormatter",
            "processor": "ext://actito_exports.logs.console" if DEBUG or DEMO else "ext://actito_exports.logs.json",
            "foreign_pre_chain": "ext://actito_exports.logs.chain",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "structured"}},
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL", "INFO")},
    "loggers": {
        "paramiko": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
        "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
    },
}
