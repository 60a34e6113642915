"""The simulated clock: real time plus an offset that all processes of one world read from the same file."""

import contextlib
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import time_machine

POLL_SECONDS = 0.1


class Clock:
    """Shifts this process's clock by the file's offset in seconds, and follows when it changes, also after a fork.

    The monotonic clock and `time.sleep` stay real, as they do when somebody sets a machine's clock.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = self.read()
        self.traveller = time_machine.travel(datetime.now(UTC).timestamp() + self.offset, tick=True).start()
        self.follow()
        os.register_at_fork(after_in_child=self.follow)

    def read(self) -> float:
        return float(self.path.read_text())

    def follow(self) -> None:
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        with contextlib.suppress(FileNotFoundError):  # the world has ended
            while True:
                time.sleep(POLL_SECONDS)
                self.catch_up()

    def catch_up(self) -> None:
        offset = self.read()
        if offset != self.offset:
            self.traveller.shift(offset - self.offset)
            self.offset = offset

    def advance(self, seconds: float) -> None:
        """Sets the clock of the whole world forward. For the one process that leads it."""
        new = self.path.with_suffix(".new")
        new.write_text(str(self.read() + seconds))
        new.replace(self.path)


def start(path: Path) -> None:
    path.write_text("0")
