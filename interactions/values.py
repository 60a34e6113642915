"""Checks of the values of a CSV file to load, type by type, and the canonical texts in which they are kept.

A check takes a cell's text and returns the canonical text, or raises ValueError with the reason and what to write instead.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from zoneinfo import ZoneInfo

from accounts.models import Attribute

from .kinds import Format

Check = Callable[[str], str]

LONGEST_TEXT = 65_536
INTEGER = re.compile(r"-?[0-9]+")
DECIMAL = re.compile(r"(-?)0*([0-9]+)(?:\.([0-9]+))?")
# ISO 8601, extended format, as RFC 3339 narrows it, with the seconds and the offset left to choice.
MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,6})\d*)?([Zz]|[+-]\d\d(?::?\d\d)?)?", re.ASCII)
# Columns whose values are all in the plain form that files mostly have: the whole column is looked at in one go.
PLAIN_INTEGERS = re.compile(r"(?:(?:0|-?[1-9][0-9]{0,17})?\n)*+")
PLAIN_MOMENTS = re.compile(r"(?:(?:[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)?\n)*+")
FIRST, LAST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


def checks(zone: ZoneInfo) -> dict[Format, Check]:
    """The check of each format; a moment without a UTC offset is in `zone`."""
    return {
        Format.INTEGER: integer,
        Format.TEXT: text,
        Format.DECIMAL: decimal,
        Format.BOOLEAN: boolean,
        Format.MOMENT: partial(moment, zone=zone),
        Format.LIST: text,
    }


def attribute_check(attribute: Attribute, zone: ZoneInfo) -> Check:
    """The check of a profile's attribute; each value of a multi-valued one is checked."""
    one = attribute_moment(zone) if attribute.type == Attribute.Type.MOMENT else checks(zone)[Format(attribute.type)]
    if not attribute.multi_valued or attribute.type == Attribute.Type.TEXT:
        return one
    return lambda value: text(",".join(map(one, value.split(","))) if value else "")


def attribute_moment(zone: ZoneInfo) -> Check:
    return lambda value: moment(value, zone).replace(" ", "T") + "Z"


def column(values: list[str | None], check: Check) -> list[str | None]:
    """The canonical texts of a column. Raises ValueError when one of its values is bad, without saying which.

    Each distinct value is checked once, since many columns hold few; texts stay as they are.
    """
    if check is text:
        if max(map(len, filter(None, values)), default=0) > LONGEST_TEXT:
            raise ValueError
        return values
    plain = _plain_column(values, check)
    if plain is not None:
        return plain
    texts = {value: None if value is None else check(value) for value in set(values)}
    return [texts[value] for value in values]


def _plain_column(values: list[str | None], check: Check) -> list[str | None] | None:
    """The canonical texts of a column of integers or UTC moments, all of them in the plain form; None of any other."""
    if "" in values:
        return None
    whole = "\n".join([value or "" for value in values]) + "\n"
    if whole.count("\n") > len(values):
        return None
    if check is integer:
        return values if PLAIN_INTEGERS.fullmatch(whole) else None
    if isinstance(check, partial) and check.func is moment:
        days = {value[:10] for value in values if value}
        if PLAIN_MOMENTS.fullmatch(whole) and all(map(_usual_day, days)):
            canonical = whole.replace("T", " ").replace("Z", "").split("\n")[:-1]
            return [value or None for value in canonical] if None in values else list(canonical)
    return None


def _usual_day(day: str) -> bool:
    try:
        return FIRST.date() <= date.fromisoformat(day) < LAST.date()
    except ValueError:
        return False


def text(value: str) -> str:
    """Any text of up to 65,536 characters, unaltered."""
    if len(value) > LONGEST_TEXT:
        raise ValueError(f"the text has {len(value):,} characters. Write at most {LONGEST_TEXT:,}.")
    return value


def integer(value: str) -> str:
    """A signed 64-bit integer."""
    if not INTEGER.fullmatch(value):
        raise ValueError(f"{shown(value)} is not an integer. Write digits only, such as 1250 or -3.")
    # Python refuses to convert thousands of digits at once; as many are out of range anyway.
    if len(value.lstrip("-0")) > 19 or not -(2**63) <= int(value) < 2**63:
        raise ValueError(f"{shown(value)} does not fit into 64 bits. Write a number from -2^63 to 2^63-1.")
    return str(int(value))


def decimal(value: str) -> str:
    """A decimal of up to 18 digits before and 6 after the point, without zeros that say nothing."""
    match = DECIMAL.fullmatch(value)
    if not match:
        raise ValueError(f"{shown(value)} is not a decimal. Write it plainly, with a point, such as 12.5 or -0.01.")
    sign, whole = match.group(1), match.group(2)
    fraction = (match.group(3) or "").rstrip("0")
    if len(whole) > 18 or len(fraction) > 6:
        raise ValueError(f"{shown(value)} is too long. Write at most 18 digits before the point and 6 after it.")
    number = f"{whole}.{fraction}" if fraction else whole
    return number if number == "0" else sign + number


def boolean(value: str) -> str:
    if value not in {"true", "false"}:
        raise ValueError(f"{shown(value)} is not a truth value. Write true or false.")
    return value


def moment(value: str, zone: ZoneInfo) -> str:
    """A moment as UTC to the microsecond, `2026-11-23 07:15:00[.000000]`, as Django stores it on SQLite.

    Without a UTC offset it is in `zone`: one that occurs twice means the first, one that is skipped moves forward.
    """
    match = MOMENT.fullmatch(value)
    if not match:
        raise ValueError(f"{shown(value)} is not a moment. Write it as 2026-11-23T07:15:00Z.")
    day, time, fraction, offset = match.groups()
    try:
        written = datetime.fromisoformat(f"{day}T{time}" + _colons(offset))
        if fraction:
            written = written.replace(microsecond=int(fraction.ljust(6, "0")))
        if not offset:
            written = written.replace(tzinfo=zone)
        utc = written.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{shown(value)} does not exist in the calendar. Write it as 2026-11-23T07:15:00Z.") from None
    if not FIRST <= utc < LAST:
        raise ValueError(f"{shown(value)} is out of range. Write a moment from 0001-01-02 to 9999-12-30, UTC.")
    return str(utc.replace(tzinfo=None))


def _colons(offset: str | None) -> str:
    """An offset as Python reads it: `+02:00` for `+02` and `+0200`."""
    if not offset or offset in "Zz":
        return "+00:00" if offset else ""
    return f"{offset[:3]}:{offset[3:].lstrip(':') or '00'}"


def shown(value: str) -> str:
    """A cell's value for a message, cut to a length that a line of a terminal holds."""
    return repr(value if len(value) <= 60 else value[:60] + "…")
