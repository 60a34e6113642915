"""Backfill: one request for the events of many days, as one file or one a day, with progress and cancelling.

Its files are date ranges: outside the flows' sequences, and no position is moved.
"""

from datetime import date, datetime, time, timedelta

from django.db import transaction
from django.utils import timezone

from . import reruns
from .errors import FlowError
from .models import Backfill, Delivery, Flow, Run

MOST_DAYS = 1000


@transaction.atomic
def request(flow: Flow, first: date, last: date, *, per_day: bool, deliver: bool = True, asked_by: str = "") -> Backfill:
    """Opens the runs for the export days `first` to `last`, both included, of the account's zone.

    Raises FlowError for days in the wrong order, in the future, or too many at once.
    """
    if first > last:
        raise FlowError("The last day lies before the first. Give the days in order.")
    if last > timezone.now().astimezone(flow.account.zone).date():
        raise FlowError("The last day lies in the future. Give a day that has begun.")
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    if len(days) > MOST_DAYS:
        raise FlowError(f"{len(days)} days are too many for one request. Ask for at most {MOST_DAYS}.")
    asked = Backfill.objects.create(flow=flow, first_day=first, last_day=last, per_day=per_day, asked_by=asked_by)
    spans = [(day, day) for day in days] if per_day else [(first, last)]
    for start, end in spans:
        run = reruns.export_range(flow, _midnight(start, flow), _midnight(end + timedelta(days=1), flow), deliver=deliver)
        Run.objects.filter(pk=run.pk).update(backfill=asked)
    return asked


def _midnight(day: date, flow: Flow) -> datetime:
    return datetime.combine(day, time(), tzinfo=flow.account.zone)


def progress(backfill: Backfill) -> tuple[int, int]:
    """How many of the request's runs have ended, whichever way, and how many there are."""
    runs = backfill.runs.all()
    return runs.exclude(status__in=Run.UNFINISHED).count(), runs.count()


@transaction.atomic
def cancel(backfill: Backfill) -> int:
    """Cancels what the request has not begun; returns how many runs. What is being made or sent is finished.

    Files that were made but still wait to be sent are kept for download only.
    """
    Backfill.objects.filter(pk=backfill.pk, cancelled_at=None).update(cancelled_at=timezone.now())
    Delivery.objects.filter(run__backfill=backfill, status__in=[Delivery.Status.WAITING, Delivery.Status.HELD]).update(
        status=Delivery.Status.CANCELLED, next_attempt_at=None
    )
    return backfill.runs.filter(status=Run.Status.WAITING).update(
        status=Run.Status.CANCELLED, next_attempt_at=None, finished_at=timezone.now()
    )
