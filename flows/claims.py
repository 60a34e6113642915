"""The claim of a run: one statement, so that of two workers one gets it."""

from collections import Counter

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import ProfileTable

from .lease import until, worker_name
from .models import Flow, Run

LOCK = 7_246_001  # of the portal's own among PostgreSQL's advisory locks
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


def claim(run_id: int) -> Run | None:
    """Takes the run, unless another worker has it or it is held back by EXPORTS_AT_ONCE or EXPORTS_PER_ACCOUNT."""
    if not _limited():
        return take(run_id)
    with transaction.atomic():
        _one_at_a_time()
        if _has_room(run_id):
            return take(run_id)
        # To be asked for again when another has ended.
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


def next_held_back() -> int | None:
    """The first run that was held back and for which there is room now."""
    if not _limited():
        return None
    with transaction.atomic():
        # A claim that is just holding a run back is waited for, so that the run is seen here.
        _one_at_a_time()
        full = [account for account, count in Counter(_accounts_under_way()).items() if 0 < settings.EXPORTS_PER_ACCOUNT <= count]
        held = Run.objects.filter(status=Run.Status.WAITING, queued_at=None, next_attempt_at__lte=timezone.now())
        free = held.exclude(flow__profile_table__account__in=full).order_by("next_attempt_at", "pk")
        first: int | None = free.values_list("pk", flat=True).first()
        return first


def _limited() -> bool:
    return bool(settings.EXPORTS_AT_ONCE or settings.EXPORTS_PER_ACCOUNT)


def _one_at_a_time() -> None:
    """Until the transaction ends no other claim counts. SQLite has one writer at a time anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def _has_room(run_id: int) -> bool:
    accounts = _accounts_under_way(besides=run_id)
    if 0 < settings.EXPORTS_AT_ONCE <= len(accounts):
        return False
    own = ProfileTable.objects.filter(flows__runs=run_id).values_list("account", flat=True).first()
    return not 0 < settings.EXPORTS_PER_ACCOUNT <= Counter(accounts)[own]


def _accounts_under_way(besides: int = 0) -> list[int | None]:
    """The account of each run that a living worker holds."""
    running = Run.objects.filter(status=Run.Status.RUNNING, lease_until__gte=timezone.now()).exclude(pk=besides)
    return list(running.order_by().values_list("flow__profile_table__account", flat=True))
