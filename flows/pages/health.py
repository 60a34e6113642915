"""Two answers for load balancers and monitoring, without a login and without details: is the process alive, can it serve."""

import time
from collections.abc import Callable
from functools import lru_cache
from uuid import uuid4

import structlog
from django.contrib.auth.decorators import login_not_required
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_celery_beat.models import PeriodicTask

TICK = "flows.tasks.tick"
# The archive storage is tried at most this often, in seconds, however often somebody asks.
STORAGE_EVERY = 10
log = structlog.get_logger(__name__)


@login_not_required
@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when the database answers and the archive storage takes a file, else 503.

    `tick_age_seconds` tells how long ago beat last sent the tick (null: never, or the database is gone); a late tick is for
    monitoring to report and does not take the pages away.
    """
    database = _works("database", _database)
    storage = _works("archives", lambda: _storage(int(time.monotonic() // STORAGE_EVERY)))
    answer = {
        "database": "ok" if database else "failed",
        "archives": "ok" if storage else "failed",
        "tick_age_seconds": tick_age() if database else None,
    }
    return JsonResponse(answer, status=200 if database and storage else 503)


def _works(part: str, probe: Callable[[], object]) -> bool:
    try:
        probe()
    except Exception:
        # Whatever the driver raises, the answer is "not ready"; the cause is for the log.
        log.exception("not_ready", part=part)
        return False
    return True


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


@lru_cache(maxsize=1)
def _storage(period: int) -> None:
    """Writes and deletes an empty file; a success is remembered for the `period`, a failure never."""
    name = storages["archives"].save(f".ready-{uuid4().hex}", ContentFile(b""))
    storages["archives"].delete(name)


def tick_age() -> int | None:
    """Seconds since beat last sent the tick; None when it never did."""
    sent = PeriodicTask.objects.filter(task=TICK).values_list("last_run_at", flat=True).first()
    return None if sent is None else max(0, int((timezone.now() - sent).total_seconds()))
