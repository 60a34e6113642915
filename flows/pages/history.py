"""The history, the page of one run with its live part, and the download of its archive."""

from collections.abc import Mapping
from typing import Any

import structlog
from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import Account
from flows import archives
from flows.models import Run

from .filters import RunFilter
from .states import STATES, UNSETTLED, with_state

PAGE_SIZE = 50
log = structlog.get_logger(__name__)


def visible_runs(request: HttpRequest) -> QuerySet[Any]:
    """The member's runs, each with its state, flow, table and account."""
    return with_state(Run.objects.visible_to(request.user)).select_related("flow__profile_table__account")


@require_safe
@never_cache
def history(request: HttpRequest) -> HttpResponseBase:
    has_accounts = Account.objects.visible_to(request.user).exists()
    if request.user.is_staff and not has_accounts:
        return redirect("admin:index")
    filters = RunFilter(request, visible_runs(request))
    # An unreadable filter (a day such as 31 February) shows its message and no rows, rather than rows it does not narrow.
    runs = filters.qs if filters.form.is_valid() else Run.objects.none()
    page = Paginator(runs.order_by("-id"), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "filters": filters,
        "page": page,
        "pages": page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1),
        "has_accounts": has_accounts,
        "newest": _newest_day(request),
    }
    return render(request, "pages/history.html", context)


def _newest_day(request: HttpRequest) -> dict[str, Any] | None:
    """The newest export day and how many of its runs are in which state, in the order of STATES; None without runs."""
    runs = Run.objects.visible_to(request.user)
    day = runs.order_by("-export_day").values_list("export_day", flat=True).first()
    if day is None:
        return None
    found = with_state(runs.filter(export_day=day)).order_by().values_list("state").annotate(runs=Count("pk"))
    counts = dict(found)
    return {"day": day, "counts": [(STATES[code], counts[code]) for code in STATES if code in counts]}


@require_safe
@never_cache
def run(request: HttpRequest, pk: int) -> HttpResponse:
    shown = get_object_or_404(visible_runs(request).select_related("previous", "original"), pk=pk)
    context = {
        **_progress(shown),
        "rebuilds": Run.objects.filter(original=shown).order_by("revision"),
        "next": Run.objects.filter(previous=shown, revision=1).order_by("pk").first(),
    }
    return render(request, "pages/run.html", context)


@require_safe
@never_cache
def progress(request: HttpRequest, pk: int) -> HttpResponse:
    """The live part of a run's page; once the run is settled, the whole page is asked for again."""
    shown = get_object_or_404(visible_runs(request), pk=pk)
    response = render(request, "pages/progress.html", _progress(shown))
    if request.headers.get("HX-Request") and shown.state not in UNSETTLED:
        response["HX-Refresh"] = "true"
    return response


def _progress(shown: Any) -> Mapping[str, Any]:
    return {
        "run": shown,
        "zone": shown.account.zone,
        "state": STATES[shown.state],
        "unsettled": shown.state in UNSETTLED,
        "later": shown.status == Run.Status.WAITING and shown.next_attempt_at and shown.next_attempt_at > timezone.now(),
        "deliveries": shown.deliveries.select_related("location__server").order_by("location__name"),
    }


@require_safe
def download(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The archive itself. 404 for a run without a file, 410 once the file is deleted after its retention."""
    shown = get_object_or_404(Run.objects.visible_to(request.user).filter(status=Run.Status.DONE), pk=pk)
    gone = render(request, "410.html", {"back": reverse("run", args=[pk])}, status=410)
    if not shown.archive:
        return gone
    try:
        archive = archives.opened(shown.archive)
    except FileNotFoundError:
        log.error("archive_missing", run=shown.pk, archive=shown.archive)
        return gone
    response = FileResponse(archive, as_attachment=True, filename=shown.file_name, content_type="application/zip")
    response["Content-Length"] = str(shown.archive_bytes)
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response
