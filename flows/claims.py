"""The claim of a run: one statement, so that of two workers one gets it."""

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import Account

from .lease import until, worker_name
from .models import Flow, Run

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
    """Takes the run, unless it is held back; EXPORTS_PER_ACCOUNT holds it back while its account has that many under way."""
    if not settings.EXPORTS_PER_ACCOUNT:
        return take(run_id)
    with transaction.atomic():
        # The account's row is locked, so that two claims for it count one after the other.
        account = Account.objects.select_for_update(of=("self",), no_key=True).get(profile_tables__flows__runs=run_id)
        under_way = Run.objects.filter(status=Run.Status.RUNNING, lease_until__gte=timezone.now())
        if under_way.filter(flow__profile_table__account=account).exclude(pk=run_id).count() < settings.EXPORTS_PER_ACCOUNT:
            return take(run_id)
        # To be asked for again when one of them has ended.
        Run.objects.filter(pk=run_id, status=Run.Status.WAITING).update(queued_at=None)
        return None


def take(run_id: int) -> Run | None:
    """Takes the run, unless another worker holds it or an earlier run of its flow is unfinished."""
    values = {"run": run_id, "now": timezone.now(), "until": until(), "worker": worker_name()}
    run: Run | None = next(iter(list(Run.objects.raw(TAKE, values))), None)
    if run is not None:
        run.flow = Flow.objects.select_related("profile_table__account").get(pk=run.flow_id)
    return run
