"""A model field for secrets at rest, encrypted with Fernet; the keys come from FIELD_ENCRYPTION_KEYS, newest first."""

from functools import lru_cache
from typing import Any, Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models


class SecretError(Exception):
    """A stored secret that none of the configured keys decrypts."""


@lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def cipher() -> MultiFernet:
    return _cipher(tuple(settings.FIELD_ENCRYPTION_KEYS))


class Secret:
    """An encrypted text. Only `reveal` gives the plain text; its string and representation never do. False when not set."""

    __slots__ = ("token",)

    def __init__(self, token: str = "") -> None:
        self.token = token

    @classmethod
    def of(cls, plain: str) -> Self:
        return cls(cipher().encrypt(plain.encode()).decode("ascii") if plain else "")

    def reveal(self) -> str:
        """The plain text, empty when not set. Raises SecretError when no key decrypts it."""
        if not self.token:
            return ""
        try:
            return cipher().decrypt(self.token.encode("ascii")).decode()
        except (InvalidToken, ValueError):
            raise SecretError(
                "The stored secret cannot be decrypted with the keys in FIELD_ENCRYPTION_KEYS. "
                "Add the key that it was stored with, or enter the secret again."
            ) from None

    def rotated(self) -> Self:
        """The same secret under the newest key. Raises SecretError when no key decrypts it."""
        return type(self).of(self.reveal())

    def __bool__(self) -> bool:
        return bool(self.token)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.token == other.token

    def __hash__(self) -> int:
        return hash(self.token)

    def __str__(self) -> str:
        return "set" if self.token else ""

    def __repr__(self) -> str:
        return f"Secret({self})"


class SecretField(models.TextField):  # type: ignore[type-arg]
    """Holds a Secret. A plain text that is assigned is encrypted when the row is saved; `dumpdata` writes nothing of it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("blank", True)
        kwargs.setdefault("default", "")
        super().__init__(*args, **kwargs)

    def pre_save(self, model_instance: models.Model, add: bool) -> Secret:
        """Leaves a Secret on the instance too, so that one just saved is like one read back."""
        secret = self.to_python(getattr(model_instance, self.attname))
        setattr(model_instance, self.attname, secret)
        return secret

    def get_prep_value(self, value: Any) -> str:
        return value.token if isinstance(value, Secret) else Secret.of(str(value or "")).token

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Secret:
        return Secret(value or "")

    def to_python(self, value: Any) -> Secret:
        return value if isinstance(value, Secret) else Secret.of(str(value or ""))

    def value_to_string(self, obj: models.Model) -> str:
        return ""
