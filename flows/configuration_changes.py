"""What applying a configuration file changed, in the words of the file; never a secret."""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from transfers.secrets import Secret, SecretError

# Keys of the file whose names differ from the fields of the models, for messages.
KEYS = {"ca_certificate": "ca_file", "pgp_keys": "pgp_keys_file", "profile_table": "table"}
# Fields whose values are long or secret, so that only the fact of a change is told.
UNSHOWN = {"ca_certificate", "pgp_keys", "host_keys"}


@dataclass(frozen=True)
class Change:
    """What was done to one object: `what` is "created", "added", "removed" or "changed"; values are shown only for the last."""

    sort: str
    name: str
    what: str
    key: str = ""
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        if self.what == "changed" and not (self.before or self.after):
            done = f"{self.key} changed"
        elif self.what == "changed":
            done = f"{self.key} {self.before} → {self.after}"
        else:
            done = f"{self.key} {self.what}".strip()
        return f"{self.sort} {self.name}: {done}"

    def as_dict(self) -> dict[str, str]:
        return {key: value for key, value in vars(self).items() if value}


def same(stored: Any, wanted: Any) -> bool:
    """Whether a field holds what the file asks for; a secret that cannot be decrypted holds nothing."""
    if not isinstance(stored, Secret):
        return bool(stored == wanted)
    try:
        return bool(stored.reveal() == wanted)
    except SecretError:
        return False


def difference(sort: str, name: str, part: str, field: str, before: Any, after: Any) -> Change:
    key = f"{part} {KEYS.get(field, field)}".strip()
    if field in UNSHOWN or isinstance(before, Secret):
        return Change(sort, name, "changed", key)
    return Change(sort, name, "changed", key, shown(before), shown(after))


def shown(value: Any) -> str:
    """A value of the file as a person would write it."""
    if value is None or value in ("", []):
        return "(none)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, time):
        return value.isoformat("minutes" if not (value.second or value.microsecond) else "auto")
    if isinstance(value, list):
        return ", ".join(value)
    return value.name if isinstance(value, models.Model) and hasattr(value, "name") else str(value)


def sentences(error: ValidationError) -> list[tuple[str, str]]:
    """The sentences of a refused row, each with the key that it is about as `.key`, empty when it is about the whole."""
    found = []
    for field, messages in error.message_dict.items():
        key = "" if field == "__all__" else f".{KEYS.get(field, field)}"
        found += [(key, message) for message in messages]
    return found
