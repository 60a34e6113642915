"""Writes many rows into one table: by COPY on PostgreSQL, by one prepared INSERT on SQLite."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import repeat

from django.db import connection
from psycopg import sql

from . import dialect

Columns = Sequence[list[str | None]]
Write = Callable[[Columns], None]


@contextmanager
def writing(table: str, names: Sequence[str], constants: Sequence[int] = ()) -> Iterator[Write]:
    """A function that appends rows given as columns of texts; the first of `names` take `constants` in every row.

    To be used in a transaction; on PostgreSQL nothing else may run on the connection meanwhile. Moments are in UTC.
    Raises django.db.Error.
    """
    if connection.vendor != "postgresql":
        yield lambda columns: _insert(table, names, constants, columns)
        return
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'UTC'")
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, DELIMITER ';')").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    with connection.wrap_database_errors, connection.connection.cursor() as cursor, cursor.copy(statement) as copy:
        yield lambda columns: copy.write(_lines(constants, columns))


def _lines(constants: Sequence[int], columns: Columns) -> bytes:
    shown = [repeat(str(constant)) for constant in constants]
    rows = zip(*shown, *map(dialect.cells, columns), strict=False)
    return ("\n".join(map(";".join, rows)) + "\n").encode()


def _insert(table: str, names: Sequence[str], constants: Sequence[int], columns: Columns) -> None:
    marks = ", ".join(["%s"] * len(names))
    quoted = ", ".join(map(connection.ops.quote_name, names))
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {connection.ops.quote_name(table)} ({quoted}) VALUES ({marks})",  # noqa: S608
            list(zip(*map(repeat, constants), *columns, strict=False)),
        )
