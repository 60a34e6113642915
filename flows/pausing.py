"""Pausing flows and resuming them. While a flow is paused its launches are still recorded, so that nothing has to be guessed later.

Each launch of the pause leaves a run with its window's upper end; on resuming, support chooses what becomes of them.
"""

from dataclasses import dataclass
from datetime import date

from django.db import models, transaction
from django.utils import timezone

from interactions import position
from interactions.rows import count

from . import schedule
from .errors import FlowError
from .models import Flow, Run
from .pipeline import selection


class Resume(models.TextChoices):
    """What becomes of the events that came in during the pause."""

    TOGETHER = "together", "One file with all of them"
    PER_DAY = "per_day", "One file for each missed day"
    SKIP = "skip", "None: leave them out for good"


@dataclass(frozen=True)
class Missed:
    """Events of a pause: those of one missed export day, or with `day` None those since the last one."""

    day: date | None
    rows: int


def pause(flow: Flow) -> Flow:
    """Keeps the flow's launches from making files. Raises FlowError unless it is active and not paused."""
    if not Flow.objects.filter(pk=flow.pk, active=True, paused_at=None).update(paused_at=timezone.now()):
        raise FlowError(f"{flow} is not active, or is paused already.")
    flow.refresh_from_db()
    return flow


def missed(flow: Flow) -> list[Missed]:
    """What a paused flow's files would have held, day by day, oldest first, without making them."""
    lower = flow.position
    found = []
    for run in _kept(flow).order_by("pk"):
        found.append(Missed(run.export_day, _rows(flow, lower, run.upper)))
        lower = run.upper
    return [*found, Missed(None, _rows(flow, lower, position.current()))]


def _kept(flow: Flow) -> models.QuerySet[Run]:
    return Run.objects.filter(flow=flow, status=Run.Status.PAUSED)


def _rows(flow: Flow, lower: str, upper: str) -> int:
    start = flow.start if flow.sequence == 0 and lower == flow.position else None
    return count(selection(Run(flow=flow, lower=lower, upper=upper, start=start)))


@transaction.atomic
def resume(flow: Flow, how: Resume) -> list[Run]:
    """Ends the pause; returns the runs that are to be executed. Raises FlowError unless the flow is paused.

    What came in after the last missed launch goes into the next file in every case but SKIP.
    """
    if not Flow.objects.filter(pk=flow.pk, paused_at__isnull=False).update(paused_at=None):
        raise FlowError(f"{flow} is not paused.")
    flow.refresh_from_db()
    now = timezone.now()
    if how == Resume.SKIP:
        _skip(flow)
        return []
    if how == Resume.PER_DAY:
        runs = list(_kept(flow).order_by("pk"))
        _kept(flow).update(status=Run.Status.WAITING, next_attempt_at=now)
        return runs
    _kept(flow).update(status=Run.Status.COVERED, finished_at=now)
    return [schedule.open_manual(flow)]


def _skip(flow: Flow) -> None:
    """Moves the position past all that is committed, and records what was left out as a run without a file."""
    if Run.objects.filter(flow=flow, purpose__in=Run.MOVES_POSITION, status__in=Run.UNFINISHED).exists():
        raise FlowError(f"{flow} has an unfinished run. Wait for it, or choose another way to resume.")
    now = timezone.now()
    upper = position.current()
    rows = _rows(flow, flow.position, upper)
    Flow.objects.filter(pk=flow.pk, position=flow.position).update(position=upper)
    _kept(flow).update(status=Run.Status.SKIPPED, finished_at=now)
    Run.objects.create(
        flow=flow,
        purpose=Run.Purpose.MANUAL,
        status=Run.Status.SKIPPED,
        export_day=now.astimezone(flow.account.zone).date(),
        due_at=now,
        finished_at=now,
        lower=flow.position,
        upper=upper,
        rows=rows,
    )
