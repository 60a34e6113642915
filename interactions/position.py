"""Positions: up to where a flow has exported, so that no event is lost or doubled however late it commits.

PostgreSQL: every event row stores the transaction that wrote it (`recorded_xid`); a position is a snapshot of the
transactions, written `pg:<system identifier>:<xmin>:<xmax>:<in progress>`. A window is two snapshots, and holds the rows
that the upper one sees and the lower one does not. SQLite: writers are serialised, so a position is the last event id,
written `id:<number>`. Elsewhere positions are opaque texts.
"""

from django.db import connection

from .models import EVENT_TABLES


class PositionError(Exception):
    """A position that this database cannot have given."""


def current() -> str:
    """The position that holds every event committed by now, and no other."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT 'pg:' || (SELECT system_identifier FROM pg_control_system()) || ':' || pg_current_snapshot()::text"
            )
            return str(cursor.fetchone()[0])
        return f"id:{last_sqlite_id(cursor)}"


def last_sqlite_id(cursor: object) -> int:
    """The highest event id ever given out, by any of the event tables."""
    names = [model._meta.db_table for model in EVENT_TABLES]
    marks = ", ".join(["%s"] * len(names))
    cursor.execute(f"SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name IN ({marks})", names)  # type: ignore[attr-defined]  # noqa: S608
    return int(cursor.fetchone()[0])  # type: ignore[attr-defined]


def snapshots(*positions: str) -> list[str]:
    """The `pg_snapshot` texts of positions of PostgreSQL, once it is sure that this cluster gave them.

    Raises PositionError for a position of another database, or ahead of this cluster's transaction counter.
    """
    parts = [position.split(":", 2) for position in positions]
    if any(part[0] != "pg" for part in parts):
        raise PositionError("The position was taken on another sort of database. Run manage.py rebase_positions.")
    texts = [part[2] for part in parts]
    reached = "pg_snapshot_xmax(pg_current_snapshot()) >= pg_snapshot_xmax(%s::pg_snapshot)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT system_identifier::text, {' AND '.join([reached] * len(texts))} FROM pg_control_system()",  # noqa: S608
            texts,
        )
        own, all_reached = cursor.fetchone()
    if not all_reached or any(part[1] != own for part in parts):
        raise PositionError(
            "The position was taken on another database cluster: this one was restored from a dump. "
            "Stop loading, then run manage.py rebase_positions."
        )
    return texts


def number(position: str) -> int:
    """The last event id of a position of SQLite. Raises PositionError for a position of PostgreSQL."""
    kind, _, rest = position.partition(":")
    if kind != "id":
        raise PositionError("The position was taken on another sort of database. Run manage.py rebase_positions.")
    return int(rest)


def is_own(position: str) -> bool:
    """Whether this database can have given the position."""
    try:
        if connection.vendor == "postgresql":
            snapshots(position)
        else:
            number(position)
    except PositionError:
        return False
    return True


def of_one_cluster(one: str, other: str) -> bool:
    """Whether the same database gave both positions."""
    return one.split(":")[:-3] == other.split(":")[:-3]
