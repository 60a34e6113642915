"""Mends positions after a logical restore: the rows then carry the old cluster's transaction numbers, which mean nothing here.

Each event belongs to one profile table and kind, and so to one position at most; that position, read as the old cluster's
snapshot, still tells which rows had been exported.
"""

from collections.abc import Mapping

from django.db import connection, transaction

from . import position
from .models import EVENT_TABLES

# A transaction number before all others: whatever carries it is held by every position.
BEFORE_ALL = "0"


def rebase(positions: Mapping[tuple[int, int], str]) -> str:
    """Renumbers every event row, and returns the position that replaces all the given ones.

    `positions` maps a profile table's key and a kind's number to the position of the old cluster. The new position holds
    what the old one held, row by row, and nothing more. Rows of other tables and kinds count as recorded before all others.
    Waits for loads under way, and holds new ones up while it works. PostgreSQL only.
    """
    tables = [model._meta.db_table for model in EVENT_TABLES]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {', '.join(tables)} IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute("CREATE TEMPORARY TABLE exported (profile_table_id bigint, kind int, held pg_snapshot) ON COMMIT DROP")
        cursor.executemany(
            "INSERT INTO exported VALUES (%s, %s, %s)", [(*key, _snapshot(text)) for key, text in positions.items()]
        )
        for table in tables:
            # First what was exported, so that an old number cannot be taken for this transaction's.
            cursor.execute(
                f"UPDATE {table} e SET recorded_xid = %s::xid8 WHERE NOT EXISTS (SELECT 1 FROM exported o"  # noqa: S608
                " WHERE o.profile_table_id = e.profile_table_id AND o.kind = e.kind"
                " AND NOT pg_visible_in_snapshot(e.recorded_xid, o.held))",
                [BEFORE_ALL],
            )
            cursor.execute(
                f"UPDATE {table} SET recorded_xid = pg_current_xact_id() WHERE recorded_xid <> %s::xid8",  # noqa: S608
                [BEFORE_ALL],
            )
        return _before_this_transaction()


def _snapshot(text: str) -> str:
    """The snapshot in a position, whatever cluster gave it."""
    return text.removeprefix("pg:").partition(":")[2]


def _before_this_transaction() -> str:
    """The position that holds what is committed now, without this transaction's own rows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text")
        own = int(cursor.fetchone()[0])
    kind, identifier, lower, upper, running = position.current().split(":")
    numbers = sorted({own, *(int(number) for number in running.split(",") if number)})
    return f"{kind}:{identifier}:{min(int(lower), own)}:{max(int(upper), own + 1)}:{','.join(map(str, numbers))}"
