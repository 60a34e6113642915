"""System checks of the settings: each names the setting, the reason and what to do."""

from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register


@register(Tags.security)
def encryption_keys(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Each of FIELD_ENCRYPTION_KEYS must be a Fernet key, and there must be one."""
    for place, key in enumerate(settings.FIELD_ENCRYPTION_KEYS, start=1):
        try:
            Fernet(key)
        except ValueError:
            return [
                Error(
                    f"Key {place} of FIELD_ENCRYPTION_KEYS is not a Fernet key.",
                    hint="A key is 32 random bytes in URL-safe base64; `make secrets` prints one.",
                    id="actito_exports.E001",
                )
            ]
    if not settings.FIELD_ENCRYPTION_KEYS:
        return [Error("FIELD_ENCRYPTION_KEYS is empty.", hint="`make secrets` prints a key.", id="actito_exports.E002")]
    return []


@register(Tags.compatibility, deploy=True)
def production_parts(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """The embedded database and broker serve one machine; a deployment of several needs the others."""
    found: list[CheckMessage] = []
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        found.append(
            Warning(
                "The database is SQLite, which serves one machine.",
                hint="Set DATABASE_URL to a PostgreSQL database.",
                id="actito_exports.W001",
            )
        )
    if settings.CELERY_BROKER_URL.startswith("filesystem"):
        found.append(
            Warning(
                "The broker is a folder, which serves one machine.",
                hint="Set CELERY_BROKER_URL to a Redis or RabbitMQ server.",
                id="actito_exports.W002",
            )
        )
    return found
