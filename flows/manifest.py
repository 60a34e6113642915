"""The manifest and the other companions of an archive."""

import json
from datetime import UTC, datetime
from typing import Any

from interactions.position import of_one_cluster

from .archive import Archived
from .models import Run


def moment(value: datetime) -> str:
    """A moment in UTC, to the second."""
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def build(run: Run, columns: list[str], made: Archived, created_at: datetime) -> str:
    """The manifest of `run`, with its keys in the contract's order.

    A rebuilt file whose rows differ from the first one's says so in a last key, `note`.
    """
    flow = run.flow
    previous = run.previous
    values: dict[str, Any] = {
        "version": 1,
        "account": flow.account.name,
        "table": flow.profile_table.name,
        "kind": flow.kind,
        "sequence": run.sequence,
        "exportDay": run.export_day.isoformat(),
        "revision": run.revision,
        "columns": columns,
        "window": window(run),
        "rows": run.rows,
        "firstEventId": run.first_event_id,
        "lastEventId": run.last_event_id,
        "file": {"name": run.file_name, "bytes": made.archive_bytes, "sha256": made.archive_sha256},
        "csv": {"name": member_name(run.file_name), "bytes": made.csv_bytes, "sha256": made.csv_sha256},
        "previous": previous and {"sequence": previous.sequence, "name": previous.file_name, "sha256": previous.archive_sha256},
        "createdAt": moment(created_at),
    }
    if run.original and run.original.rows != run.rows:
        values["note"] = (
            f"Revision {run.original.revision} had {run.original.rows} rows. Events of the window were erased since it was made."
        )
    return as_text(values)


def as_text(values: dict[str, Any]) -> str:
    """JSON as people can read it, with a line break at the end."""
    return json.dumps(values, ensure_ascii=False, indent=2) + "\n"


def window(run: Run) -> dict[str, str]:
    """The flow's positions before and after the file; of a date range, its moments.

    After a restore into another cluster the lower position is written anew; told is the one that the client knows.
    """
    if run.range_from and run.range_to:
        return {"from": moment(run.range_from), "to": moment(run.range_to)}
    known = run.previous.upper if run.previous else run.lower
    return {"from": run.lower if of_one_cluster(known, run.lower) else known, "to": run.upper}


def member_name(file_name: str) -> str:
    return f"{file_name.removesuffix('.zip')}.csv"


def checksum(file_name: str, sha256: str) -> str:
    """A line as `sha256sum` writes it."""
    return f"{sha256}  {file_name}\n"
