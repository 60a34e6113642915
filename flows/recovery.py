"""Takes up what a dead worker left: runs and deliveries whose claim has run out."""

from django.conf import settings
from django.db.models import F, Q
from django.utils import timezone

from . import archives
from .models import Delivery, Run

DIED = "The worker died while making the file, at the last of its tries. Look at the workers' memory and logs, then try again."


def recover() -> tuple[int, int]:
    """Reopens the runs and deliveries whose lease has run out; returns how many of each.

    A run whose worker died at the last of its tries is left to a person.
    """
    now = timezone.now()
    dead_runs = Run.objects.filter(status=Run.Status.RUNNING, lease_until__lt=now)
    spent = list(dead_runs.filter(failures__gte=settings.RUN_ATTEMPTS - 1).select_related("flow__profile_table__account"))
    for run in spent:
        Run.objects.filter(pk=run.pk, attempt=run.attempt, status=Run.Status.RUNNING).update(
            status=Run.Status.FAILED, finished_at=now, lease_until=None, error=DIED
        )
        archives.discard(run, range(1, run.attempt + 1))
    reopened = dead_runs.filter(~Q(pk__in=[run.pk for run in spent])).update(
        status=Run.Status.WAITING, failures=F("failures") + 1, lease_until=None, next_attempt_at=now, queued_at=None
    )
    deliveries = Delivery.objects.filter(status=Delivery.Status.RUNNING, lease_until__lt=now).update(
        status=Delivery.Status.WAITING, lease_until=None, next_attempt_at=now, queued_at=None
    )
    return len(spent) + reopened, deliveries
