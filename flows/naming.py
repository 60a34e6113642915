"""File names: the template's fields, the names of rebuilt, repeated and one-shot files, and names that could clash."""

import re
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import product

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
        raise ValidationError(
            "A file name holds {yyyyMMdd}, {yyyy-MM-dd} or {sequence}, so that each day's file has its own name."
        )


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


@dataclass(frozen=True)
class Names:
    """What a flow's file names are made of, and where the files go.

    `places` are the folders that the flow writes to, in any hashable form: two locations that are one folder of one server
    are one place.
    """

    template: str
    account: str
    table: str
    kind: str
    places: frozenset[Hashable]

    def __str__(self) -> str:
        return f"{self.account}/{self.table}/{self.kind}"


def clashes(names: Names, others: Iterable[Names]) -> str | None:
    """A sentence when one of the other flows could write a file of the same name to the same place, else None.

    Accounts, tables and kinds are compared as they are; dates, times and sequences count as possibly equal, whatever the day,
    and the suffixes of a day's second file and of a rebuilt one are thought of. Upper and lower case count as equal, since
    some servers take them so.
    """
    for other in others:
        if names.places & other.places and str(names) != str(other) and _could_be_equal(names, other):
            return (
                f"{names.template} of flow {names} and {other.template} of flow {other} could give two files at one location the same name. "
                f"{_remedy(names, other)}"
            )
    return None


def any_clash(flows: Iterable[Names]) -> tuple[Names, str] | None:
    """The first flow found whose names clash with those of an earlier one, with the sentence; None when there is none.

    Only flows whose names agree in all but the digits of fields are compared, so thousands of flows take little time.
    """
    alike: dict[Hashable, list[Names]] = {}
    literals: dict[Hashable, set[frozenset[int]]] = {}
    drafts = [(names, skeleton) for names in flows for skeleton in map(_skeleton, _patterns(names))]
    for names, skeleton in drafts:
        for place in names.places:
            literals.setdefault((place, skeleton.text), set()).add(frozenset(skeleton.runs))
    for names, skeleton in drafts:
        for place in names.places:
            for other in literals[place, skeleton.text]:
                common = skeleton.runs.keys() & other
                key = (place, skeleton.text, frozenset((run, skeleton.runs[run]) for run in common), _pair(skeleton.runs, other))
                if sentence := clashes(names, alike.get(key, ())):
                    return names, sentence
                alike.setdefault(key, []).append(names)
    return None


def _pair(runs: Iterable[int], other: frozenset[int]) -> frozenset[frozenset[int]]:
    return frozenset({frozenset(runs), other})


@dataclass(frozen=True)
class _Skeleton:
    """A pattern with each run of digits written as 0; `runs` are those without a field, by their number."""

    text: str
    runs: dict[int, str]


# A pattern is a list of atoms: a character, DIGIT for any one digit, MORE_DIGITS for any number of digits.
_DIGIT, _MORE_DIGITS = "\0d", "\0m"
_NUMBER = [_DIGIT, _MORE_DIGITS]
# A second file of one day, a rebuilt file, and a rebuilt second file.
_SUFFIXES: list[list[str]] = [[], ["_", *_NUMBER], ["_", "r", *_NUMBER], ["_", *_NUMBER, "_", "r", *_NUMBER]]
_DIGITS = re.compile(r"[0-9\0]+")
_SLOTS = {
    "yyyyMMdd": [_DIGIT] * 8,
    "yyyy-MM-dd": [*[_DIGIT] * 4, "-", *[_DIGIT] * 2, "-", *[_DIGIT] * 2],
    "HHmm": [_DIGIT] * 4,
    "sequence": _NUMBER,
}


def _patterns(names: Names) -> list[list[str]]:
    """What a name without its extension can look like: as it is, and with each of the suffixes."""
    fixed = {"account": names.account, "table": names.table, "kind": names.kind}
    atoms: list[str] = []
    # Splitting at the one group of the expression leaves plain text at the even places and field names at the odd ones.
    for place, part in enumerate(_FIELD.split(names.template.removesuffix(".zip"))):
        atoms += _SLOTS.get(part) or fixed[part].lower() if place % 2 else part.lower()
    return [atoms + suffix for suffix in _SUFFIXES]


def _skeleton(pattern: list[str]) -> _Skeleton:
    marked = "".join("\0" if atom in _NUMBER else atom for atom in pattern)
    runs = [match[0] for match in _DIGITS.finditer(marked)]
    return _Skeleton(_DIGITS.sub("0", marked), {place: run for place, run in enumerate(runs) if "\0" not in run})


def _could_be_equal(one: Names, other: Names) -> bool:
    pairs = product(enumerate(_patterns(one)), enumerate(_patterns(other)))
    # With one suffix on both sides, names are equal only where they are so without it.
    return any(_meet(a, b) for (i, a), (j, b) in pairs if i != j or i == 0)


def _meet(one: list[str], other: list[str]) -> bool:
    """Whether some text fits both patterns: a walk over the pairs of places that both can have reached."""
    reached, todo = {(0, 0)}, [(0, 0)]
    while todo:
        i, j = todo.pop()
        if i == len(one) and j == len(other):
            return True
        for step in _steps(one, other, i, j):
            if step not in reached:
                reached.add(step)
                todo.append(step)
    return False


def _steps(one: list[str], other: list[str], i: int, j: int) -> Iterator[tuple[int, int]]:
    a = one[i] if i < len(one) else ""
    b = other[j] if j < len(other) else ""
    if a == _MORE_DIGITS:
        yield i + 1, j
    if b == _MORE_DIGITS:
        yield i, j + 1
    if a and b and (a == b or (_takes_digits(a) and _takes_digits(b) and _DIGIT[0] in a + b)):
        yield i + (a != _MORE_DIGITS), j + (b != _MORE_DIGITS)


def _takes_digits(atom: str) -> bool:
    return atom in _NUMBER or atom in "0123456789"


def _remedy(names: Names, other: Names) -> str:
    differing = [field for field in ("table", "kind", "account") if getattr(names, field) != getattr(other, field)]
    missing = [f"{{{field}}}" for field in differing if f"{{{field}}}" not in names.template]
    if missing:
        return f"Add {missing[0]} to the file name."
    return "Choose another file name for one of them."
