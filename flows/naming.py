"""File names: the template's fields, and the names of rebuilt, repeated and one-shot files."""

import re
from datetime import date, datetime

from django.core.exceptions import ValidationError

DEFAULT_TEMPLATE = "{kind}_{table}_{yyyyMMdd}.zip"
FIELDS = ("account", "kind", "table", "yyyyMMdd", "yyyy-MM-dd", "HHmm", "sequence")
_FIELD = re.compile(r"\{([^{}]*)\}")
_PLAIN = re.compile(r"[\w. +=@()-]*\Z")


def known_template(template: str) -> None:
    """Refuses a template with an unknown field, without a date or sequence, or that is no plain name ending in .zip."""
    for field in _FIELD.findall(template):
        if field not in FIELDS:
            raise ValidationError(
                f"{{{field}}} is not a field of a file name. Use {' '.join('{' + name + '}' for name in FIELDS)}."
            )
    plain = _FIELD.sub("", template)
    if not template.endswith(".zip"):
        raise ValidationError("A file name ends in .zip.")
    if not _PLAIN.match(plain) or template.startswith((".", "-", " ")):
        raise ValidationError(
            "A file name holds letters, digits, blanks and . _ + = @ ( ) - only, and does not start with a dot, a hyphen or a blank."
        )
    fields = set(_FIELD.findall(template))
    if not fields & {"yyyyMMdd", "yyyy-MM-dd", "sequence"}:
        raise ValidationError("A file name holds {yyyyMMdd}, {yyyy-MM-dd} or {sequence}, so that each day's file has its own name.")


def render(template: str, *, account: str, kind: str, table: str, day: date, due: datetime, sequence: int | None) -> str:
    """The name for an export day; `due` is the due moment in the account's zone. Without a sequence, `0` stands there."""
    values = {
        "account": account,
        "kind": kind,
        "table": table,
        "yyyyMMdd": f"{day:%Y%m%d}",
        "yyyy-MM-dd": f"{day:%Y-%m-%d}",
        "HHmm": f"{due:%H%M}",
        "sequence": str(sequence or 0),
    }
    return _FIELD.sub(lambda match: values[match[1]], template)


def with_suffix(name: str, suffix: str) -> str:
    """`name` with `suffix` before its extension."""
    return f"{name.removesuffix('.zip')}{suffix}.zip"
