"""Reads the rows of a selection from SQLite in chunks and writes them column by column, so that a cell costs little.

SQLite itself turns numbers, truth values and moments in UTC into texts; local moments and enrichment are done here.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.db import connection

from accounts.models import Attribute

from . import dialect, position
from .block import SIZE, Block
from .kinds import Column, Format, Table
from .models import Campaign, Profile
from .selection import Selection

CHUNK = 500
Values = list[str | None]


def read(selection: Selection) -> Iterator[Block]:
    """The rows in order of their event ids. Raises PositionError, and django.db.Error when the database fails.

    The raw cursor reads in a transaction of its own that holds no writer up; Django's would take the write lock.
    """
    text, values = statement(selection)
    connection.ensure_connection()
    cursor = connection.connection.cursor()
    try:
        with connection.wrap_database_errors:
            cursor.execute(text, values)
        parts: list[bytes] = []
        rows, size, first, last = 0, 0, 0, 0
        while True:
            with connection.wrap_database_errors:
                chunk = cursor.fetchmany(CHUNK)
            if size >= SIZE or (parts and not chunk):
                yield Block(b"".join(parts), rows, first, last)
                parts, rows, size = [], 0, 0
            if not chunk:
                return
            data = _lines(selection, list(zip(*chunk, strict=True)))
            first = first if parts else int(chunk[0][0])
            last = int(chunk[-1][0])
            parts.append(data)
            rows += len(chunk)
            size += len(data)
    finally:
        cursor.close()


def statement(selection: Selection) -> tuple[str, list[object]]:
    """The SELECT and its parameters: the columns of the events, profiles and campaigns, then the profile's attributes."""
    shown = [_value(column, selection) for column in selection.columns if isinstance(column, Column)]
    attributes = ["p.attributes || ''"] if selection.attributes else []
    joins = f"LEFT JOIN {Profile._meta.db_table} p ON p.profile_table_id = ? AND p.profile_id = e.profile_id"
    values: list[object] = [selection.profile_table.pk]
    if any(column.table is Table.CAMPAIGN for column in selection.kind.columns):
        joins += f" LEFT JOIN {Campaign._meta.db_table} c ON c.account_id = ? AND c.campaign_id = e.campaign_id"
        values.append(selection.profile_table.account_id)
    condition, bounds = _condition(selection)
    text = (
        f"SELECT {', '.join(shown + attributes)} FROM {selection.kind.model._meta.db_table} e {joins}"  # noqa: S608
        f" WHERE e.profile_table_id = ? AND e.kind = ? AND {condition} ORDER BY e.id"
    )
    return text, [*values, selection.profile_table.pk, selection.kind.number, *bounds]


def count(selection: Selection) -> int:
    """The number of rows that `read` would give."""
    condition, bounds = _condition(selection)
    connection.ensure_connection()
    cursor = connection.connection.cursor()
    try:
        with connection.wrap_database_errors:
            cursor.execute(
                f"SELECT count(*) FROM {selection.kind.model._meta.db_table} e"  # noqa: S608
                f" WHERE e.profile_table_id = ? AND e.kind = ? AND {condition}",
                [selection.profile_table.pk, selection.kind.number, *bounds],
            )
        return int(cursor.fetchone()[0])
    finally:
        cursor.close()


def _value(column: Column, selection: Selection) -> str:
    """An expression, never a bare column: Django's converters of the column's type would cost time and change it."""
    value = f'{column.table.value}."{column.source}"'
    if column.format is Format.MOMENT and selection.moments == "utc":
        return f"substr({value}, 1, 10) || 'T' || substr({value}, 12, 8) || 'Z'"
    if column.format is Format.BOOLEAN:
        return f"CASE {value} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END"
    return f"{value} || ''"


def _condition(selection: Selection) -> tuple[str, list[object]]:
    moment = f'e."{selection.kind.moment}"'
    parts = ["e.id <= ?"]
    values: list[object] = [position.number(selection.upper)]
    if selection.range_from or selection.range_to:
        for sign, bound in ((">=", selection.range_from), ("<", selection.range_to)):
            if bound:
                parts.append(f"{moment} {sign} ?")
                values.append(_stored(bound))
    elif selection.lower:
        values.append(position.number(selection.lower))
        if selection.start:
            parts.append(f"(e.id > ? OR {moment} >= ?)")
            values.append(_stored(selection.start))
        else:
            parts.append("e.id > ?")
    return " AND ".join(parts), values


def _stored(moment: datetime) -> str:
    """A moment as Django stores it on SQLite, where texts sort as the moments do."""
    return str(moment.astimezone(UTC).replace(tzinfo=None))


def _lines(selection: Selection, columns: list[tuple[str | None, ...]]) -> bytes:
    """A chunk of rows, given as columns, as lines of the file."""
    local = _localiser(selection.zone) if selection.moments == "local" else None
    source = iter(columns)
    profiles = [json.loads(text) if text else {} for text in columns[-1]] if selection.attributes else []
    shown = []
    for column in selection.columns:
        if isinstance(column, Attribute):
            values: Values = [profile.get(column.name) for profile in profiles]
            if column.type == Attribute.Type.MOMENT:
                one = local or _utc
                values = [None if v is None else ",".join(map(one, v.split(","))) if v else v for v in values]
        else:
            values = list(next(source))
            if local and column.format is Format.MOMENT:
                values = [None if value is None else local(value) for value in values]
        shown.append(dialect.cells(values))
    return ("\n".join(map(";".join, zip(*shown, strict=True))) + "\n").encode()


def _utc(moment: str) -> str:
    """A stored moment of an attribute, `2026-11-23T07:15:00.5Z`, to the second."""
    return moment[:19] + "Z"


@lru_cache(maxsize=64)
def _localiser(zone: ZoneInfo) -> Callable[[str], str]:
    """A function from stored UTC moments to local ones; events come in bursts, so the last answers are kept."""

    @lru_cache(maxsize=10_000)
    def local(moment: str) -> str:
        return str(datetime.fromisoformat(moment[:19]).replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None))

    return local
