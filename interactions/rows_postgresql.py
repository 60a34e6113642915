"""Reads the rows of a selection by one COPY that PostgreSQL formats, through libpq's own copy loop.

The loop of `PGconn` takes half the processor time of iterating psycopg's `Cursor.copy()`, and a message is a row.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection, transaction
from psycopg import sql
from psycopg.pq import ExecStatus

from accounts.models import Attribute

from . import position
from .block import SIZE, Block
from .kinds import Column, Format, Table
from .models import Campaign, Profile
from .selection import Selection

UTC_FORMAT = 'YYYY-MM-DD"T"HH24:MI:SS"Z"'
LOCAL_FORMAT = "YYYY-MM-DD HH24:MI:SS"


def read(selection: Selection) -> Iterator[Block]:
    """The rows in order of their event ids. Raises PositionError, and django.db.Error when the database fails."""
    text = statement(selection)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('work_mem', %s, true), set_config('max_parallel_workers_per_gather', %s, true),"
                " set_config('jit', 'off', true)",
                [settings.EXPORT_WORK_MEM, str(settings.EXPORT_PARALLEL_WORKERS)],
            )
        yield from _copy(connection.connection, text.as_bytes(connection.connection))


def statement(selection: Selection) -> sql.Composed:
    """The COPY of a selection, all values in it as literals: COPY takes no parameters."""
    columns = sql.SQL(", ").join(_value(column, selection) for column in selection.columns)
    return sql.SQL("COPY (SELECT {} FROM {} e{} WHERE {} ORDER BY e.id) TO STDOUT (FORMAT csv, DELIMITER ';')").format(
        columns, sql.Identifier(selection.kind.model._meta.db_table), _joins(selection), _condition(selection)
    )


def count(selection: Selection) -> int:
    """The number of rows that `read` would give."""
    text = sql.SQL("SELECT count(*) FROM {} e WHERE {}").format(
        sql.Identifier(selection.kind.model._meta.db_table), _condition(selection)
    )
    with connection.cursor() as cursor:
        cursor.execute(text)
        return int(cursor.fetchone()[0])


def _value(column: Column | Attribute, selection: Selection) -> sql.Composable:
    if isinstance(column, Attribute):
        value = sql.SQL("(p.attributes ->> {})").format(sql.Literal(column.name))
        if column.type != Attribute.Type.MOMENT:
            return value
        if not column.multi_valued:
            return _moment(sql.SQL("{}::timestamptz").format(value), selection)
        return sql.SQL(
            "CASE WHEN {value} <> '' THEN (SELECT string_agg({one}, ',' ORDER BY place)"
            " FROM unnest(string_to_array({value}, ',')) WITH ORDINALITY AS list (item, place)) ELSE {value} END"
        ).format(value=value, one=_moment(sql.SQL("item::timestamptz"), selection))
    value = sql.SQL("{}.{}").format(sql.SQL(column.table.value), sql.Identifier(column.source))
    if column.format is Format.MOMENT:
        return _moment(value, selection)
    if column.format is Format.DECIMAL:
        return sql.SQL("trim_scale({})").format(value)
    if column.format is Format.BOOLEAN:
        return sql.SQL("{}::text").format(value)
    return value


def _moment(value: sql.Composable, selection: Selection) -> sql.Composable:
    zone, form = ("UTC", UTC_FORMAT) if selection.moments == "utc" else (selection.zone.key, LOCAL_FORMAT)
    return sql.SQL("to_char({} AT TIME ZONE {}, {})").format(value, sql.Literal(zone), sql.Literal(form))


def _joins(selection: Selection) -> sql.Composable:
    profile = sql.SQL(" LEFT JOIN {} p ON p.profile_table_id = {} AND p.profile_id = e.profile_id").format(
        sql.Identifier(Profile._meta.db_table), sql.Literal(selection.profile_table.pk)
    )
    if not any(column.table is Table.CAMPAIGN for column in selection.kind.columns):
        return profile
    return profile + sql.SQL(" LEFT JOIN {} c ON c.account_id = {} AND c.campaign_id = e.campaign_id").format(
        sql.Identifier(Campaign._meta.db_table), sql.Literal(selection.profile_table.account_id)
    )


def _condition(selection: Selection) -> sql.Composable:
    """The window. The comparisons with `recorded_xid` say nothing new; they make it a range of the index."""
    moment = sql.SQL("e.{}").format(sql.Identifier(selection.kind.moment))
    since = selection.lower if not (selection.range_from or selection.range_to) else ""
    upper, *lowers = map(sql.Literal, position.snapshots(selection.upper, *([since] if since else [])))
    parts: list[sql.Composable] = [
        sql.SQL("e.profile_table_id = {} AND e.kind = {}").format(
            sql.Literal(selection.profile_table.pk), sql.Literal(selection.kind.number)
        ),
        sql.SQL("e.recorded_xid < pg_snapshot_xmax({}::pg_snapshot)").format(upper),
        sql.SQL("pg_visible_in_snapshot(e.recorded_xid, {}::pg_snapshot)").format(upper),
    ]
    if selection.range_from or selection.range_to:
        parts += [
            sql.SQL("{} {} {}").format(moment, sql.SQL(sign), sql.Literal(bound))
            for sign, bound in ((">=", selection.range_from), ("<", selection.range_to))
            if bound
        ]
    for lower in lowers:
        new = sql.SQL(
            "(e.recorded_xid >= pg_snapshot_xmin({lower}::pg_snapshot)"
            " AND NOT pg_visible_in_snapshot(e.recorded_xid, {lower}::pg_snapshot))"
        ).format(lower=lower)
        if selection.start:
            new = sql.SQL("({} OR {} >= {})").format(new, moment, sql.Literal(selection.start))
        parts.append(new)
    return sql.SQL(" AND ").join(parts)


def _copy(link: Any, text: bytes) -> Iterator[Block]:
    pgconn = link.pgconn
    result = pgconn.exec_(text)
    if result.status != ExecStatus.COPY_OUT:
        _fail(result, link)
    done = False
    try:
        while not done:
            rows, done = _some_rows(pgconn)
            if done:
                _drain(link, quiet=False)
            if rows:
                yield _block(rows)
    finally:
        if not done:
            _abandon(link)


def _some_rows(pgconn: Any) -> tuple[list[bytes], bool]:
    """The next rows, of about SIZE bytes together, and whether they are the last. Nothing but the needful is done per row."""
    rows: list[bytes] = []
    size = 0
    take, keep = pgconn.get_copy_data, rows.append
    with connection.wrap_database_errors:
        while size < SIZE:
            length, data = take(0)
            if length < 0:
                return rows, True
            # Bytes, since each memoryview kept would count with the garbage collector, which then costs more than the rows.
            keep(bytes(data))
            size += length
    return rows, False


def _block(rows: list[bytes]) -> Block:
    return Block(b"".join(rows), len(rows), _event_id(rows[0]), _event_id(rows[-1]))


def _event_id(row: bytes) -> int:
    return int(row[:20].partition(b";")[0])


def _drain(link: Any, quiet: bool) -> None:
    """Takes the results that end a COPY; without `quiet`, an error among them is raised."""
    failed = None
    while result := link.pgconn.get_result():
        if result.status == ExecStatus.FATAL_ERROR:
            failed = result
    if failed and not quiet:
        _fail(failed, link)


def _fail(result: Any, link: Any) -> None:
    with connection.wrap_database_errors:
        if result.status == ExecStatus.FATAL_ERROR:
            raise psycopg.errors.error_from_result(result, encoding=link.info.encoding)
        raise psycopg.OperationalError("PostgreSQL did not start the COPY that reads the rows.")


def _abandon(link: Any) -> None:
    """Ends a COPY whose rows are no longer wanted, so that the connection is free again."""
    try:
        link.cancel_safe()
        while link.pgconn.get_copy_data(0)[0] >= 0:
            pass
        _drain(link, quiet=True)
    except psycopg.Error:
        link.close()
