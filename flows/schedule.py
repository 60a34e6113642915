"""When: launch moments in the accounts' zones, and the tick that opens a run for every flow whose moment has passed.

The database owns the slots: one scheduled run per flow and export day, whoever ticks and however often.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.db.models.signals import post_save
from django.utils import timezone

from accounts.models import Account
from interactions import position

from .errors import FlowError
from .models import Flow, Run

BATCH = 1000


def launch_moment(day: date, launch_time: time, zone: ZoneInfo) -> datetime:
    """The UTC moment at which a flow is due on `day`.

    A wall time that occurs twice means the first; one that a change of clocks leaves out moves forward by the gap.
    """
    # With fold=0, PEP 495 reads an ambiguous time as the first, and a missing one with the offset before the gap,
    # which is the wall time moved forward by the gap.
    return datetime.combine(day, launch_time, tzinfo=zone).astimezone(UTC)


def newest_day(now: datetime, launch_time: time, zone: ZoneInfo) -> date:
    """The latest export day whose launch moment is at or before `now`."""
    day = now.astimezone(zone).date() + timedelta(days=1)
    while launch_moment(day, launch_time, zone) > now:
        day -= timedelta(days=1)
    return day


def plan(flow: Flow) -> None:
    """Sets `active_since` and `next_launch_at`, without saving.

    Due next is the newest export day whose launch moment came after the activation and that has no scheduled run yet, even
    when that moment has passed; else the day after it. An inactive flow has neither.
    """
    if not flow.active:
        flow.active_since = flow.next_launch_at = None
        return
    now = timezone.now()
    flow.active_since = flow.active_since or now
    zone = flow.account.zone
    day = newest_day(now, flow.launch_time, zone)
    if launch_moment(day, flow.launch_time, zone) <= flow.active_since:
        day += timedelta(days=1)
    last = _last_day(flow)
    if last and last >= day:
        day = last + timedelta(days=1)
    flow.next_launch_at = launch_moment(day, flow.launch_time, zone)


def _last_day(flow: Flow) -> date | None:
    """The newest export day that has a scheduled run."""
    scheduled = Run.objects.filter(flow=flow.pk, purpose=Run.Purpose.SCHEDULED)
    last: date | None = scheduled.aggregate(last=Max("export_day"))["last"]
    return last


def follow_account_changes() -> None:
    """Plans an account's flows anew whenever the account is saved, since its time zone may have changed."""
    post_save.connect(_replan, sender=Account, dispatch_uid="flows.schedule")


def _replan(instance: Account, created: bool, **kwargs: Any) -> None:
    if created:
        return
    for flow in Flow.objects.filter(profile_table__account=instance, active=True).select_related("profile_table__account"):
        flow.save(update_fields=["next_launch_at"])


def tick(now: datetime | None = None) -> list[int]:
    """Opens a scheduled run for every active flow whose launch moment is at or before `now`; returns the new runs' numbers.

    After downtime a flow gets one run, for the newest export day; its window covers all that accumulated.
    """
    now = now or timezone.now()
    opened: list[int] = []
    while batch := list(
        Flow.objects.filter(active=True, next_launch_at__lte=now)
        .select_related("profile_table__account")
        .order_by("next_launch_at", "pk")[:BATCH]
    ):
        opened += _open_runs(batch, now)
    return opened


def _open_runs(flows: Sequence[Flow], now: datetime) -> list[int]:
    """Opens the due run of each flow and moves its next launch on, in one transaction.

    The run of a paused flow is only kept, with the upper end of its window, until the flow is resumed.
    """
    runs = []
    reached = position.current() if any(flow.paused_at for flow in flows) else ""
    changed = []
    for flow in flows:
        zone = flow.account.zone
        day = newest_day(now, flow.launch_time, zone)
        due_at = launch_moment(day, flow.launch_time, zone)
        runs.append(
            Run(
                flow=flow,
                purpose=Run.Purpose.SCHEDULED,
                export_day=day,
                due_at=due_at,
                status=Run.Status.PAUSED if flow.paused_at else Run.Status.WAITING,
                upper=reached if flow.paused_at else "",
                next_attempt_at=None if flow.paused_at else due_at + spread(flow),
            )
        )
        flow.next_launch_at = launch_moment(day + timedelta(days=1), flow.launch_time, zone)
        changed.append(flow)
    days = {(run.flow_id, run.export_day) for run in runs}
    with transaction.atomic():
        scheduled = Run.objects.filter(
            purpose=Run.Purpose.SCHEDULED,
            flow__in=[flow.pk for flow in changed],
            export_day__in={day for _, day in days},
        )
        known = set(scheduled.values_list("flow_id", "export_day"))
        Run.objects.bulk_create(runs, ignore_conflicts=True)
        Flow.objects.bulk_update(changed, ["next_launch_at"])
        return [
            pk
            for pk, flow_id, day in scheduled.values_list("pk", "flow_id", "export_day")
            if (flow_id, day) in days and (flow_id, day) not in known
        ]


def spread(flow: Flow) -> timedelta:
    """How long after its launch time a flow starts: each its own minute of LAUNCH_SPREAD_MINUTES, the same every day."""
    return timedelta(minutes=flow.pk % max(settings.LAUNCH_SPREAD_MINUTES, 1))


def open_manual(flow: Flow) -> Run:
    """Opens a run of `flow` that is due now, beside its schedule. Raises FlowError for one that was never activated or is paused."""
    if not flow.position:
        raise FlowError(f"{flow} has never been activated, so it has no point to export from. Activate it first.")
    if flow.paused_at:
        raise FlowError(f"{flow} is paused since {flow.paused_at:%Y-%m-%d %H:%M} UTC. Resume it first.")
    now = timezone.now()
    return Run.objects.create(
        flow=flow,
        purpose=Run.Purpose.MANUAL,
        export_day=now.astimezone(flow.account.zone).date(),
        due_at=now,
        next_attempt_at=now,
    )
