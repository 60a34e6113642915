"""Retention: archives, files on hosted servers and leftovers of dead workers, by our own records and never by listing a folder."""

import posixpath
import time
from datetime import timedelta

import structlog
from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone

from transfers.client import connect
from transfers.errors import TransferError
from transfers.models import Server

from . import archives
from .models import Delivery, Run

log = structlog.get_logger(__name__)
LEFTOVER_SECONDS = 86_400


def purge(dry_run: bool = False) -> dict[str, int]:
    """Deletes what is past its days; returns how many archives, hosted deliveries and leftovers."""
    return {
        "archives": purge_archives(dry_run),
        "hosted": purge_hosted(dry_run),
        "leftovers": purge_leftovers(dry_run),
    }


def purge_archives(dry_run: bool) -> int:
    """Archives made longer ago than the retention, each kept until it is delivered. The row of the history stays."""
    unfinished = Delivery.objects.filter(run=OuterRef("pk"), status__in=Delivery.UNFINISHED)
    old = Run.objects.filter(finished_at__lt=_limit()).exclude(archive="").filter(~Exists(unfinished))
    count = 0
    for run in old.iterator():
        count += 1
        if not dry_run:
            # The file first: a crash between the two repeats harmlessly.
            for delivery in run.deliveries.exclude(encrypted=""):
                archives.storage().delete(delivery.encrypted)
            archives.storage().delete(run.archive)
            run.deliveries.update(encrypted="")
            Run.objects.filter(pk=run.pk).update(archive="", purged_at=timezone.now())
    return count


def purge_hosted(dry_run: bool) -> int:
    """Files that we put on servers of our own longer ago than the retention."""
    old = Delivery.objects.filter(
        status=Delivery.Status.DELIVERED, delivered_at__lt=_limit(), removed_at=None, location__server__hosted=True
    ).select_related("location")
    if dry_run:
        return old.count()
    count = 0
    for server in Server.objects.filter(pk__in=old.values("location__server")):
        try:
            with connect(server) as client:
                for delivery in old.filter(location__server=server):
                    # Where a collected file was, one of that name is the client's own by now; the companions are still ours.
                    for path in delivery.remote_names[1 if delivery.collected_at else 0 :]:
                        folder, name = posixpath.split(path)
                        client.remove(folder, name)
                    Delivery.objects.filter(pk=delivery.pk).update(removed_at=timezone.now())
                    count += 1
        except TransferError as error:
            log.warning("hosted files not removed", server=str(server), reason=str(error))
    return count


def purge_leftovers(dry_run: bool) -> int:
    """Unfinished files of dead workers on this machine, untouched for a day."""
    count = 0
    for path in settings.WORK_DIR.glob("run-*"):
        if path.stat().st_mtime < time.time() - LEFTOVER_SECONDS:
            count += 1
            if not dry_run:
                path.unlink(missing_ok=True)
    return count


def _limit() -> object:
    return timezone.now() - timedelta(days=settings.RETENTION_DAYS)
