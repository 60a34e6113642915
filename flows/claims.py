"""Whose turn it is: the runs that workers are asked for, and the claim of one, by one statement so that of two workers one gets it."""

from collections import Counter
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.models import ProfileTable

from .lease import until, worker_name
from .models import Flow, Run

LOCK = 7_246_001  # of the portal's own among PostgreSQL's advisory locks
# A hint that no worker has taken by then expires, and is sent anew: so a lost one costs minutes, and none pile up.
HINT_AGAIN = timedelta(minutes=2)
# Written out, and read back by the same statement: as a queryset it took five times the processor time, for each of thousands of
# small files that are due at the same minute.
TAKE = """
    UPDATE flows_run
    SET status = 'running', attempt = attempt + 1, lease_until = %(until)s, started_at = %(now)s, worker = %(worker)s
    WHERE id = %(run)s AND (status = 'waiting' OR (status = 'running' AND lease_until < %(now)s))
    AND (purpose NOT IN ('scheduled', 'manual') OR NOT EXISTS (
        SELECT 1 FROM flows_run earlier
        WHERE earlier.flow_id = flows_run.flow_id AND earlier.id < flows_run.id
        AND earlier.purpose IN ('scheduled', 'manual') AND earlier.status IN ('waiting', 'running')
    ))
    RETURNING *
"""


def choose(most: int, after: Run | None = None) -> list[int]:
    """The runs that workers are to be asked for now, the first due first, at most so many; it is noted that they were.

    Under EXPORTS_AT_ONCE and EXPORTS_PER_ACCOUNT only those that have room beside the runs under way and the ones asked for;
    `after` is the run that has just ended and left its place to one of them.
    """
    now = timezone.now()
    waiting, asked = Run.objects.filter(status=Run.Status.WAITING), Q(queued_at__gte=now - HINT_AGAIN)
    unasked = Q(queued_at=None) | Q(queued_at__lt=now - HINT_AGAIN)
    due = waiting.filter(unasked, next_attempt_at__lte=now).order_by("next_attempt_at", "pk")
    # Each flow's files are made one after the other: one that no worker could take would hold a place for nothing.
    earlier = Run.objects.filter(
        flow=OuterRef("flow"), pk__lt=OuterRef("pk"), purpose__in=Run.MOVES_POSITION, status__in=Run.UNFINISHED
    )
    due = due.exclude(Exists(earlier), purpose__in=Run.MOVES_POSITION)
    # Its account's own place, so nobody's are counted: at the end of each of thousands of small files that would tell.
    place = after.account.pk if after and not settings.EXPORTS_AT_ONCE else None
    if place:
        due = due.filter(flow__profile_table__account=place)
    with transaction.atomic():
        _one_at_a_time(place)
        if limited() and not place:
            chosen = _with_room(due, _accounts(_under_way(now)) + _accounts(waiting.filter(asked)), most)
        else:
            chosen = list(due.values_list("pk", flat=True)[:most])
        Run.objects.filter(pk__in=chosen).update(queued_at=now)
    return chosen


def _with_room(due: QuerySet[Run], busy: Counter[int | None], most: int) -> list[int]:
    """At most so many of the runs, in their order, that may start while the accounts have as many as `busy` says."""
    room = min(most, settings.EXPORTS_AT_ONCE - busy.total()) if settings.EXPORTS_AT_ONCE else most
    full = [account for account in busy if not _has_room(busy[account])]
    candidates = due.exclude(flow__profile_table__account__in=full).values_list("pk", "flow__profile_table__account")
    chosen: list[int] = []
    for pk, account in candidates.iterator(chunk_size=most):
        if len(chosen) >= room:
            break
        if _has_room(busy[account]):
            busy[account] += 1
            chosen.append(pk)
    return chosen


def claim(run_id: int) -> Run | None:
    """Takes the run, unless another worker has it or it is held back by EXPORTS_AT_ONCE or EXPORTS_PER_ACCOUNT."""
    if not limited():
        return take(run_id)
    own = ProfileTable.objects.filter(flows__runs=run_id).values_list("account", flat=True).first()
    with transaction.atomic():
        _one_at_a_time(None if settings.EXPORTS_AT_ONCE else own)
        busy = _accounts(_under_way(timezone.now()).exclude(pk=run_id))
        if _has_room(busy[own]) and not 0 < settings.EXPORTS_AT_ONCE <= busy.total():
            return take(run_id)
        # To be chosen when another has ended.
        Run.objects.filter(pk=run_id, status=Run.Status.WAITING).update(queued_at=None)
        return None


def take(run_id: int) -> Run | None:
    """Takes the run, unless another worker holds it or an earlier run of its flow is unfinished."""
    values = {"run": run_id, "now": timezone.now(), "until": until(), "worker": worker_name()}
    found = list(Run.objects.raw(TAKE, values))
    if not found:
        return None
    run: Run = found[0]
    run.flow = Flow.objects.select_related("profile_table__account").get(pk=run.flow_id)
    return run


def limited() -> bool:
    return bool(settings.EXPORTS_AT_ONCE or settings.EXPORTS_PER_ACCOUNT)


def _one_at_a_time(account: int | None) -> None:
    """Until the transaction ends no other claim or choice counts: of the account, or at all. SQLite has one writer at a time anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, (account or 0) % 2**31])


def _has_room(exports: int) -> bool:
    """Whether an account that has so many may have one more."""
    return not 0 < settings.EXPORTS_PER_ACCOUNT <= exports


def _under_way(now: datetime) -> QuerySet[Run]:
    """The runs that living workers hold."""
    return Run.objects.filter(status=Run.Status.RUNNING, lease_until__gte=now)


def _accounts(runs: QuerySet[Run]) -> Counter[int | None]:
    """How many of the runs each account has."""
    return Counter(runs.order_by().values_list("flow__profile_table__account", flat=True))
