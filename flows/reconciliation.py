"""Holds what is stored against what was sent: per flow and export day, the events of the windows, the rows of the files and
the rows delivered.

Rebuilds and date ranges are left out: they repeat what other files hold.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Any

from django.db.models import QuerySet

from interactions import rows
from interactions.position import PositionError

from .models import Delivery, Flow, Run
from .pipeline import selection


@dataclass
class Day:
    """A flow's export day. `stored` is None when a window cannot be counted, `delivered` when nothing was to be delivered.

    `differences` are sentences, empty when the three numbers agree; `note` says why a window cannot be counted.
    """

    flow: str
    day: date
    stored: int | None = 0
    rows: int = 0
    delivered: int | None = None
    differences: list[str] = field(default_factory=list)
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "flow": self.flow,
            "exportDay": self.day.isoformat(),
            "stored": self.stored,
            "rows": self.rows,
            "delivered": self.delivered,
            "differences": self.differences,
            "note": self.note or None,
        }


def reconcile(flows: "QuerySet[Flow]", since: date | None = None) -> Iterator[Day]:
    """The export days of the flows that have a file, are empty or failed, oldest first within a flow; from `since` on."""
    for flow in flows.select_related("profile_table__account").iterator(chunk_size=500):
        runs = (
            Run.objects.filter(flow=flow, purpose__in=Run.MOVES_POSITION)
            .filter(status__in=[Run.Status.DONE, Run.Status.EMPTY, Run.Status.FAILED, Run.Status.SKIPPED])
            .exclude(status=Run.Status.SKIPPED, lower="")
            .exclude(upper="")
            .defer("manifest", "trace")
            .prefetch_related("deliveries__location__account")
            .order_by("export_day", "pk")
        )
        if since:
            runs = runs.filter(export_day__gte=since)
        before: Run | None = None
        for day, of_the_day in groupby(runs, key=lambda run: run.export_day):
            chosen = [run for run in of_the_day if not covered(run, flow)]
            for run in chosen:
                run.flow = flow
            if chosen:
                found, before = _compare(flow, day, chosen, before)
                yield found


def covered(run: Run, flow: Flow) -> bool:
    """Whether a run that made no file left its events to a later one that did."""
    return run.status not in {Run.Status.DONE, Run.Status.SKIPPED} and run.lower != flow.position


def _compare(flow: Flow, day: date, runs: Iterable[Run], before: Run | None) -> tuple[Day, Run | None]:
    """The day's numbers and differences, and the last run that made a file."""
    found = Day(str(flow), day)
    for run in runs:
        if run.status == Run.Status.SKIPPED:
            found.note = f"{run.rows:,} events were left out by decision when the flow was resumed."
            before = None
            continue
        if not _count(found, run):
            # Its positions say nothing here, neither of its own window nor of the next one's start.
            before = None
            _delivered(found, run)
            continue
        if run.status == Run.Status.DONE:
            if before and before.upper != run.lower:
                found.differences.append(
                    f"The window of run {run.pk} does not start where that of run {before.pk} ended: events between them are in no "
                    "file, or in two."
                )
            before = run
            _delivered(found, run)
    return found, before


def _count(found: Day, run: Run) -> bool:
    """Adds the events of the run's window and the rows of its file. False when the window cannot be counted."""
    in_file = run.rows or 0 if run.status != Run.Status.FAILED else 0
    found.rows += in_file
    try:
        stored = rows.count(selection(run))
    except PositionError:
        found.stored = None
        found.note = "The window was taken on another database cluster, and its events cannot be counted here."
        return False
    if found.stored is not None:
        found.stored += stored
    if stored != in_file:
        file = f"the file {run.file_name} has" if run.status == Run.Status.DONE else "no file has them: files have"
        found.differences.append(
            f"Run {run.pk}: {stored:,} event{'' if stored == 1 else 's'} stored in its window, but {file} {in_file:,} "
            f"row{'' if in_file == 1 else 's'}."
        )
    return True


def _delivered(found: Day, run: Run) -> None:
    """Adds the rows of a file that has come to all its locations. A delivery that a person cancelled is not waited for."""
    due = [delivery for delivery in run.deliveries.all() if delivery.status != Delivery.Status.CANCELLED]
    if not due:
        return
    # A file that is being delivered again has been delivered.
    absent = [delivery for delivery in due if delivery.delivered_at is None and delivery.status != Delivery.Status.DELIVERED]
    found.delivered = (found.delivered or 0) + (0 if absent else run.rows or 0)
    if run.rows:
        found.differences += [
            f"Run {run.pk}: {run.rows:,} row{'' if run.rows == 1 else 's'} of {run.file_name} not delivered to "
            f"{delivery.location} ({delivery.get_status_display().lower()})."
            for delivery in absent
        ]
