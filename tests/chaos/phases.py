"""Which worker is in which phase of its work, seen from outside: the rows of runs and deliveries, and the disks."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.db import Error, connection

from tests.chaos.world import World

RUNS = """
    SELECT r.worker, r.id, r.attempt, a.name, t.name, f.kind, r.export_day
    FROM flows_run r JOIN flows_flow f ON f.id = r.flow_id JOIN accounts_profiletable t ON t.id = f.profile_table_id
    JOIN accounts_account a ON a.id = t.account_id WHERE r.status = 'running'
"""
DELIVERIES = """
    SELECT d.worker, a.name || '/' || l.name, r.file_name, r.archive_bytes
    FROM flows_delivery d JOIN flows_run r ON r.id = d.run_id JOIN transfers_location l ON l.id = d.location_id
    JOIN accounts_account a ON a.id = l.account_id WHERE d.status = 'running'
"""
COPYING = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY (SELECT%'"


def size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


class Watch:
    """Looks at one world, for one thread."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.work = world.folder / "portal" / "work"
        self.archives = world.folder / "portal" / "archives"

    def close(self) -> None:
        connection.close()

    def workers_in(self, phase: str) -> list[int]:
        return list(PHASES[phase](self))

    def claiming(self) -> list[int]:
        return [pid(row) for row in [*self.rows(RUNS), *self.rows(DELIVERIES)]]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Nothing while the database is away."""
        try:
            with connection.cursor() as cursor:
                cursor.execute(query)
                return list(cursor.fetchall())
        except Error:
            connection.close()
            return []

    def idle(self) -> Iterator[int]:
        """A worker is idle while runs wait: the next message is on its way to it."""
        if self.rows("SELECT id FROM flows_run WHERE status = 'waiting' LIMIT 1"):
            busy = set(self.claiming())
            yield from (number for number in self.world.processes.pool() if number not in busy)

    def copying(self) -> Iterator[int]:
        for row in self.rows(RUNS):
            begun = size(self.work / f"run-{row[1]}-{row[2]}.zip") == 0
            if begun and (self.world.embedded or self.rows(COPYING)[:1] not in ([], [(0,)])):
                yield pid(row)

    def compressing(self) -> Iterator[int]:
        for row in self.rows(RUNS):
            if size(self.work / f"run-{row[1]}-{row[2]}.zip"):
                yield pid(row)

    def stored(self) -> Iterator[int]:
        for row in self.rows(RUNS):
            _, number, attempt, account, table, kind, day = row
            if size(self.archives / account / table / kind / str(day) / f"{number}-{attempt}.zip") is not None:
                yield pid(row)

    def uploading(self) -> Iterator[int]:
        for row, _final, part in self._deliveries():
            if part is not None and part < row[3]:
                yield pid(row)

    def uploaded(self) -> Iterator[int]:
        for row, _final, part in self._deliveries():
            if part == row[3]:
                yield pid(row)

    def renamed(self) -> Iterator[int]:
        for row, final, part in self._deliveries():
            if part is None and final is not None:
                yield pid(row)

    def _deliveries(self) -> Iterator[tuple[tuple[Any, ...], int | None, int | None]]:
        for row in self.rows(DELIVERIES):
            folder = self.world.client_folders[row[1]]
            yield row, size(folder / row[2]), size(folder / f".{row[2]}.part")


def pid(row: tuple[Any, ...]) -> int:
    return int(row[0].rpartition(":")[2])


PHASES: dict[str, Callable[[Watch], Iterator[int]]] = {
    "before the claim": Watch.idle,
    "in COPY": Watch.copying,
    "in compression": Watch.compressing,
    "after storing": Watch.stored,
    "in upload": Watch.uploading,
    "between upload and rename": Watch.uploaded,
    "after the rename": Watch.renamed,
}
