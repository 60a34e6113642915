"""Claims on runs and deliveries: taken by compare-and-set, renewed by a heartbeat, fenced by the attempt's number."""

import socket
import threading
import time
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, NoReturn, Self

import structlog
from django.conf import settings
from django.db import Error, connection
from django.utils import timezone

from .errors import LeaseLost
from .models import Delivery, Run

log = structlog.get_logger(__name__)


def worker_name() -> str:
    return f"{socket.gethostname()}:{threading.get_native_id()}"


def until() -> datetime:
    """The end of a claim that is taken or renewed now."""
    return timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)


def backoff(failures: int) -> datetime:
    """When to try again after the given count of failed tries, at least 1: after 1, 2, 4 … units, up to the limit."""
    seconds = min(settings.RETRY_SECONDS * 2 ** min(failures - 1, 20), settings.RETRY_MAX_SECONDS)
    return timezone.now() + timedelta(seconds=seconds)


class Lease:
    """Keeps the claim on `row` alive from a thread of its own while the block runs.

    `write` changes the row only while the claim is held; `check` is cheap and may be called as often as one likes. Both
    raise LeaseLost once the claim has gone. The thread starts with the first renewal, so short work has none.
    """

    def __init__(self, row: Run | Delivery) -> None:
        self.row = row
        self.mine = type(row)._default_manager.filter(pk=row.pk, attempt=row.attempt, status=row.status)
        self.deadline = time.monotonic() + settings.LEASE_SECONDS
        self.lost = False
        self.timer: threading.Timer | None = None
        self.closed = threading.Event()

    def __enter__(self) -> Self:
        self._schedule()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.closed.set()
        if self.timer:
            self.timer.cancel()

    def check(self) -> None:
        # The monotonic clock also counts the time that this process was frozen.
        if self.lost or time.monotonic() >= self.deadline:
            self._lose()

    def confirm(self) -> None:
        """Asks the database itself, since a clock set forward ends claims that their workers believe in. Raises LeaseLost."""
        self.check()
        if not self.mine.exists():
            self._lose()

    def write(self, **values: Any) -> None:
        """Updates the row, if the claim is still this worker's. Raises LeaseLost otherwise."""
        self.check()
        if self.mine.update(**values) != 1:
            self._lose()

    def _lose(self) -> NoReturn:
        self.lost = True
        raise LeaseLost(f"{self.row} is another worker's now.")

    def _schedule(self) -> None:
        self.timer = threading.Timer(settings.LEASE_SECONDS / 3, self._beat)
        self.timer.daemon = True
        self.timer.start()

    def _beat(self) -> None:
        start = time.monotonic()
        try:
            if self.mine.update(lease_until=until()) == 1:
                self.deadline = start + settings.LEASE_SECONDS
            else:
                self.lost = True
        except Error as error:
            # The next beat may get through; past the deadline `check` gives the work up.
            log.warning("heartbeat failed", row=str(self.row.pk), reason=str(error))
        finally:
            connection.close()
        if not self.lost and not self.closed.is_set():
            self._schedule()
