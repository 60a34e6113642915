"""What staff see first in the admin: how many runs, deliveries and flows need a look, each with a link to them."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Exists, OuterRef
from django.urls import reverse
from django.utils import timezone

from flows.models import Delivery, Flow, FlowRequest, Run
from flows.watch import OVERDUE

RECENT = timedelta(days=7)


@dataclass(frozen=True)
class Finding:
    count: int
    word: str
    url: str
    tone: str
    icon: str


def findings() -> list[Finding]:
    """Failed runs that no later file of their flow made good, of the last week; held and delayed deliveries; overdue flows; requests."""
    now = timezone.now()
    runs, deliveries, flows = (reverse(f"admin:flows_{name}_changelist") for name in ("run", "delivery", "flow"))
    later = Run.objects.filter(flow=OuterRef("flow"), pk__gt=OuterRef("pk"), status__in=[Run.Status.DONE, Run.Status.EMPTY])
    failed = Run.objects.filter(~Exists(later), status=Run.Status.FAILED, opened_at__gte=now - RECENT).count()
    held = Delivery.objects.filter(status=Delivery.Status.HELD).count()
    delayed = Delivery.objects.filter(status=Delivery.Status.WAITING, failures__gt=0).count()
    overdue = Flow.objects.filter(active=True, next_launch_at__lt=now - OVERDUE).count()
    asked = FlowRequest.objects.filter(status=FlowRequest.Status.OPEN).count()
    return [
        _finding(failed, "failed run", "failed runs", f"{runs}?state=failed", "bad", "cross"),
        _finding(held, "held delivery", "held deliveries", f"{deliveries}?status__exact=held", "warn", "pause"),
        _finding(delayed, "delayed delivery", "delayed deliveries", f"{deliveries}?status__exact=waiting", "warn", "clock"),
        _finding(overdue, "overdue flow", "overdue flows", f"{flows}?active__exact=1&o=5", "bad", "clock"),
        _finding(
            asked,
            "open request",
            "open requests",
            f"{reverse('admin:flows_flowrequest_changelist')}?status__exact=open",
            "busy",
            "clock",
        ),
    ]


def _finding(count: int, one: str, many: str, url: str, tone: str, icon: str) -> Finding:
    word = one if count == 1 else many
    return Finding(count, word, url, tone, icon) if count else Finding(0, word, url, "good", "check")
