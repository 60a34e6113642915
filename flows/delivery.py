"""From a stored archive to the clients' servers: claim, connect, archive, companions, record.

One connection sends everything that is due for its server, in the order of the runs. Every door ends in `deliver_waiting`.
"""

import posixpath
import time
import traceback
from contextlib import suppress
from typing import Any

import structlog
from django.db import Error, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from transfers.client import Client, connect
from transfers.errors import TransferError
from transfers.models import Location, Server

from . import sending
from .errors import LeaseLost
from .lease import Lease, backoff, until, worker_name
from .models import Delivery, Run

log = structlog.get_logger(__name__)
PROGRESS_SECONDS = 2
LONGEST = 99  # as many failures as give the longest delay


def deliver_waiting(server_id: int) -> int:
    """Sends what is due for a server; returns how many deliveries were made.

    One connection serves as many as it can; after a failed one the next gets a new connection. Does nothing while the
    server's limit of connections is used up. Failures of a delivery are recorded, never raised.
    """
    made = 0
    while delivery := claim(server_id):
        try:
            with connect(delivery.location.server) as client:
                while delivery is not None and attempt(client, delivery):
                    made += 1
                    delivery = claim(server_id)
        except Exception as error:
            if delivery is None:
                # All that was due is sent and recorded; only the parting failed.
                log.warning("connection not closed", server=server_id, reason=str(error))
            else:
                put_off(delivery, error)
    return made


def due(server_id: int) -> Any:
    """The deliveries of a server that may be claimed now, oldest run first.

    The files of a flow go out in order at each location: an earlier one that is unfinished holds back the later ones.
    """
    now = timezone.now()
    earlier = Delivery.objects.filter(
        location=OuterRef("location"),
        run__flow=OuterRef("run__flow"),
        run__lt=OuterRef("run"),
        run__purpose__in=Run.MOVES_POSITION,
        status__in=Delivery.UNFINISHED,
    )
    waiting = Q(status=Delivery.Status.WAITING, next_attempt_at__lte=now)
    orphaned = Q(status=Delivery.Status.RUNNING, lease_until__lt=now)
    return (
        Delivery.objects.filter(waiting | orphaned, location__server=server_id)
        .filter(~Q(run__purpose__in=Run.MOVES_POSITION) | ~Exists(earlier))
        .order_by("run_id", "pk")
    )


def claim(server_id: int) -> Delivery | None:
    """Takes the next due delivery, within the server's limit of connections."""
    with transaction.atomic():
        server = Server.objects.select_for_update().get(pk=server_id)
        busy = Delivery.objects.filter(
            location__server=server, status=Delivery.Status.RUNNING, lease_until__gte=timezone.now()
        ).count()
        found = due(server_id).values_list("pk", flat=True).first() if busy < server.max_connections else None
        if found is None:
            return None
        Delivery.objects.filter(pk=found).update(
            status=Delivery.Status.RUNNING,
            attempt=F("attempt") + 1,
            lease_until=until(),
            started_at=timezone.now(),
            worker=worker_name(),
            bytes_sent=0,
        )
    return Delivery.objects.select_related("run__flow__profile_table__account", "location__server__account").get(pk=found)


def attempt(client: Client, delivery: Delivery) -> bool:
    """One try over an open connection. False if it failed, which is recorded; the connection is then of no more use."""
    with Lease(delivery) as lease:
        try:
            form = sending.form(delivery, lease)
            verified, names = send(client, form, delivery.location, lease)
            lease.write(
                status=Delivery.Status.DELIVERED,
                delivered_at=timezone.now(),
                bytes_sent=form.size,
                size_verified=verified,
                remote_names=names,
                failures=0,
                next_attempt_at=None,
                lease_until=None,
                error="",
                trace="",
            )
        except LeaseLost:
            log.warning("lease lost", delivery=delivery.pk, attempt=delivery.attempt)
            return False
        except Exception as error:
            postpone(lease, delivery, error)
            return False
    return True


def send(client: Client, form: sending.Form, location: Location, lease: Lease) -> tuple[bool, list[str]]:
    """Uploads the file, then its companions, `ready` last. Whether every size was verified, and the paths written."""
    progress = Progress(lease, form.size)
    verified = True
    names: list[str] = []
    for name, source, size in sending.files(form, location.companions):
        with source:
            # A worker whose claim has gone begins no file: were it to die over it, nobody would come to remove the rest.
            lease.confirm()
            verified &= client.upload(source, size, location.folder, name, progress if not names else progress.check)
        names.append(posixpath.join(location.folder, name))
    return verified, names


class Progress:
    """Told the bytes sent so far; shows them on the delivery every two seconds and stops an upload whose claim is lost.

    Once all `size` bytes are there the rename comes next, so the database itself is asked whether the claim still holds: a
    clock that was set forward ends claims that their workers believe in.
    """

    def __init__(self, lease: Lease, size: int) -> None:
        self.lease = lease
        self.size = size
        self.shown_at = time.monotonic()

    def __call__(self, sent: int) -> None:
        self.lease.check()
        if sent >= self.size or time.monotonic() - self.shown_at >= PROGRESS_SECONDS:
            self.shown_at = time.monotonic()
            self.lease.write(bytes_sent=sent)

    def check(self, sent: int) -> None:
        self.lease.check()


def postpone(lease: Lease, delivery: Delivery, error: Exception) -> None:
    """Records a failed try: to be tried again after a growing delay, or held until a person acts."""
    try:
        lease.write(**outcome(delivery, error), lease_until=None, failures=delivery.failures + 1)
    except (LeaseLost, Error) as lost:
        log.warning("failure not recorded", delivery=delivery.pk, reason=str(lost), error=str(error))


def outcome(delivery: Delivery, error: Exception) -> dict[str, Any]:
    """What a failure makes of a delivery.

    A cause that only people can mend is tried at the longest delay, since the mending may happen on the server's side.
    """
    trace = ""
    if isinstance(error, FileNotFoundError):
        error = TransferError("The archive is no longer in the archive storage. Rebuild the run.", permanent=True)
    elif not isinstance(error, TransferError):
        log.error("delivery failed", delivery=delivery.pk, exc_info=error)
        trace = "".join(traceback.format_exception(error))
        error = TransferError(f"An unexpected fault in the portal: {type(error).__name__}.")
    return {
        "status": Delivery.Status.HELD if error.held else Delivery.Status.WAITING,
        "next_attempt_at": None if error.held else backoff(LONGEST if error.permanent else delivery.failures + 1),
        "queued_at": None,
        "error": str(error),
        "trace": trace,
    }


def put_off(delivery: Delivery, error: Exception) -> None:
    """Records that the server could not be used at all: what is due behind the claimed delivery waits as long."""
    with Lease(delivery) as lease:
        postpone(lease, delivery, error)
    behind = Delivery.objects.filter(
        location__server=delivery.location.server_id,
        status=Delivery.Status.WAITING,
        next_attempt_at__lte=timezone.now(),
    )
    with suppress(Error):
        behind.update(**outcome(delivery, error))


def release_held(server: Server) -> int:
    """Lets the deliveries that a person had to look at go out, in order; returns how many."""
    return Delivery.objects.filter(location__server=server, status=Delivery.Status.HELD).update(
        status=Delivery.Status.WAITING, next_attempt_at=timezone.now(), failures=0, error="", queued_at=None
    )
