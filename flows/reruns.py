"""What a person may ask for beside the schedule. None of it moves a flow's position."""

from datetime import date, datetime

from django.db.models import Max
from django.utils import timezone

from .errors import FlowError
from .models import Delivery, Flow, Run


def deliver_again(delivery: Delivery) -> Delivery:
    """Sends the stored bytes again. Raises FlowError when they are gone, or on their way."""
    run = delivery.run
    if not run.archive:
        raise FlowError(f"The archive of {run} is no longer kept. Rebuild the run to make the file anew.")
    asked = (
        Delivery.objects.filter(pk=delivery.pk)
        .exclude(status=Delivery.Status.RUNNING, lease_until__gte=timezone.now())
        .update(
            status=Delivery.Status.WAITING,
            next_attempt_at=timezone.now(),
            failures=0,
            error="",
            trace="",
            queued_at=None,
            # These told of the file that was there before.
            collected_at=None,
            warned_at=None,
            removed_at=None,
        )
    )
    if not asked:
        raise FlowError(f"{delivery} is being sent at this moment. Wait until it is through.")
    delivery.refresh_from_db()
    return delivery


def deliver_run_again(run: Run) -> list[Delivery]:
    """Sends the run's stored file again to every location of its flow, new ones included. Raises FlowError."""
    if run.status != Run.Status.DONE:
        raise FlowError(f"{run} has made no file: {run.get_status_display().lower()}.")
    for location in run.flow.locations.all():
        Delivery.objects.get_or_create(run=run, location=location, defaults={"next_attempt_at": timezone.now()})
    return [deliver_again(delivery) for delivery in run.deliveries.select_related("run__flow", "location")]


def rebuild(run: Run) -> Run:
    """Opens a run that makes the same window anew, under the next revision. Raises FlowError for a run without a file."""
    original = run.original or run
    if original.status != Run.Status.DONE or not original.upper:
        raise FlowError(f"{run} has made no file, so there is none to rebuild. Try the run again instead.")
    last = Run.objects.filter(original=original).aggregate(last=Max("revision"))["last"] or original.revision
    return Run.objects.create(
        flow=original.flow,
        purpose=Run.Purpose.REBUILD,
        original=original,
        revision=last + 1,
        export_day=original.export_day,
        due_at=original.due_at,
        sequence=original.sequence,
        previous=original.previous,
        lower=original.lower,
        upper=original.upper,
        start=original.start,
        range_from=original.range_from,
        range_to=original.range_to,
        next_attempt_at=timezone.now(),
    )


def export_range(flow: Flow, start: datetime, end: datetime, *, deliver: bool = True) -> Run:
    """Opens a run for the events whose moment lies in [start, end), and that is delivered unless `deliver` is off.

    Raises FlowError for a reversed range and for one that starts in the future.
    """
    now = timezone.now()
    if start >= end:
        raise FlowError("The range ends before it starts. Give a start that lies before the end.")
    if start > now:
        raise FlowError("The range lies in the future. Give a start that has passed.")
    return Run.objects.create(
        flow=flow,
        purpose=Run.Purpose.RANGE,
        export_day=now.astimezone(flow.account.zone).date(),
        due_at=now,
        range_from=start,
        range_to=end,
        deliver=deliver,
        next_attempt_at=now,
    )


def try_again(run: Run) -> Run:
    """Reopens a failed run. Raises FlowError when it has not failed."""
    reopened = Run.objects.filter(pk=run.pk, status=Run.Status.FAILED).update(
        status=Run.Status.WAITING, failures=0, next_attempt_at=timezone.now(), finished_at=None, queued_at=None
    )
    if not reopened:
        raise FlowError(f"{run} has not failed: {run.get_status_display().lower()}.")
    run.refresh_from_db()
    return run


def failed_since(day: date) -> list[Run]:
    """The failed runs, and the runs with a file that is not delivered, of the export days from `day` on."""
    undelivered = Delivery.objects.filter(status__in=[Delivery.Status.WAITING, Delivery.Status.HELD], failures__gt=0)
    runs = Run.objects.filter(export_day__gte=day)
    return list(runs.filter(status=Run.Status.FAILED) | runs.filter(pk__in=undelivered.values("run")))
