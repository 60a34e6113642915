"""Reads settings from the environment: `NAME`, or the file that `NAME_FILE` names; a wrong value stops the start with a sentence."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str | None = None) -> str:
    """The value of `name`, else the stripped content of the file in `NAME_FILE`, else `default`.

    Raises ImproperlyConfigured when the file cannot be read, or when nothing is set and there is no default.
    """
    if name in os.environ:
        return os.environ[name]
    path = os.environ.get(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE names {path}, which cannot be read: {error.strerror}.") from None
    if default is None:
        raise ImproperlyConfigured(f"{name} is not set. Set it, or {name}_FILE, in the environment.")
    return default


def flag(name: str, default: bool) -> bool:
    value = text(name, str(default)).strip().lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off", ""}:
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}; write true or false.")


def number(name: str, default: int, minimum: int = 0) -> int:
    value = text(name, str(default))
    if not value.strip().isdigit() or int(value) < minimum:
        raise ImproperlyConfigured(f"{name} is {value!r}; write a whole number of at least {minimum}.")
    return int(value)


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list, blanks around each word removed."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def storage(name: str, default_folder: Path) -> dict[str, Any]:
    """An entry of Django's STORAGES from a URL: `file:///folder` or `s3://KEY:SECRET@BUCKET/PREFIX?endpoint_url=…`.

    Further query parameters of an `s3` URL become options of django-storages' S3 back end.
    """
    url = text(name, "")
    if not url:
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(default_folder)},
        }
    parts = urlsplit(url)
    if parts.scheme == "file":
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": unquote(parts.path)},
        }
    if parts.scheme == "s3":
        options: dict[str, Any] = {
            "bucket_name": parts.hostname or "",
            "location": unquote(parts.path).strip("/"),
            "file_overwrite": True,
            **{key: values[-1] for key, values in parse_qs(parts.query).items()},
        }
        if parts.username:
            options["access_key"] = unquote(parts.username)
        if parts.password:
            options["secret_key"] = unquote(parts.password)
        return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
    raise ImproperlyConfigured(f"{name} starts with {parts.scheme!r}; write a file:// or s3:// URL.")
