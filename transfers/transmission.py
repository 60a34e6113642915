"""A file on its way: what the threads that send it share, and how they learn that they are to stop."""

import threading
from collections.abc import Iterator
from typing import BinaryIO


class Stopped(Exception):
    """Ends a transfer from outside: the caller's progress function raised, or the source could not be read."""


class Transmission:
    """A source on its way: threads take blocks from it and report what has arrived."""

    def __init__(self, source: BinaryIO, size: int) -> None:
        self.size = size
        self.source = source
        self.arrived = 0
        # What went wrong on our side: the source could not be read, or the caller's progress function raised.
        self.fault: BaseException | None = None
        self.stopped = False
        self._start = source.tell()
        self._lock = threading.Lock()

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from `offset` on, fewer than `length` only at the end. Raises Stopped."""
        with self._lock:
            if self.stopped:
                raise Stopped
            length = min(length, self.size - offset)
            try:
                self.source.seek(self._start + offset)
                block = self.source.read(length)
                if len(block) != length:
                    raise ValueError(f"The file to send ended after {offset + len(block)} of {self.size} bytes.")
            except BaseException as error:
                self.fault, self.stopped = error, True
                raise Stopped from error
            return block

    def blocks(self, length: int) -> Iterator[bytes]:
        for offset in range(0, self.size, length):
            yield self.read(offset, length)

    def add(self, count: int) -> None:
        with self._lock:
            self.arrived += count

    def restart(self) -> None:
        with self._lock:
            self.arrived = 0

    def stop(self) -> None:
        self.stopped = True
