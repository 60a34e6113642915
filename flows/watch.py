"""The watchdog: what staff must know of without looking, as sentences, and the e-mail that tells them."""

from datetime import timedelta

from django.core.mail import mail_admins
from django.utils import timezone

from .models import Delivery, Flow, Notice, Run

OVERDUE = timedelta(minutes=15)
TOLD_FOR = timedelta(days=1)

_PATH = ("run__flow__profile_table__account", "location__account")


def findings() -> list[str]:
    """Each fault that needs a person now, worst first."""
    now = timezone.now()
    found = [
        f"Run {run.pk} of {run} failed: {run.error}"
        for run in Run.objects.filter(status=Run.Status.FAILED).select_related("flow__profile_table__account")
        if not _succeeded_since(run)
    ]
    found += [
        f"{delivery} is held: {delivery.error}"
        for delivery in Delivery.objects.filter(status=Delivery.Status.HELD).select_related(*_PATH)
    ]
    found += [
        f"{delivery} has failed three times or more: {delivery.error}"
        for delivery in Delivery.objects.filter(status=Delivery.Status.WAITING, failures__gte=3).select_related(*_PATH)
    ]
    found += [
        f"{flow} was due at {flow.next_launch_at:%Y-%m-%d %H:%M} UTC and no run is open. Is beat running?"
        for flow in Flow.objects.filter(active=True, next_launch_at__lt=now - OVERDUE).select_related("profile_table__account")
    ]
    return found


def _succeeded_since(run: Run) -> bool:
    later = Run.objects.filter(flow=run.flow_id, pk__gt=run.pk, purpose__in=Run.MOVES_POSITION)
    return later.filter(status__in=[Run.Status.DONE, Run.Status.EMPTY]).exists()


def report() -> int:
    """Mails the findings that staff were not told of in the last day to ADMINS; returns how many."""
    now = timezone.now()
    Notice.objects.filter(mailed_at__lt=now - TOLD_FOR).delete()
    found = findings()
    told = set(Notice.objects.filter(finding__in=found).values_list("finding", flat=True))
    new = [finding for finding in found if finding not in told]
    if new:
        mail_admins(f"Export portal: {len(new)} to look at", "\n\n".join(new))
        Notice.objects.bulk_create([Notice(finding=finding, mailed_at=now) for finding in new], ignore_conflicts=True)
    return len(new)
