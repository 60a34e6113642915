"""The processes that the demo starts: each under a keeper of its own, its output in a log file."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self


class DemoError(Exception):
    """Why the demo cannot go on, as a sentence."""


def free_port(wanted: int = 0) -> int:
    """`wanted` where it is free on loopback, else any free port."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            # As servers do, so that a port whose last connections are still closing counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DemoError("No port is free on 127.0.0.1.")


class Processes:
    """Starts and watches processes; leaving the `with` block stops them, the last one first."""

    def __init__(self, folder: Path, logs: Path) -> None:
        self.folder = folder
        self.logs = logs
        self.keepers: dict[str, subprocess.Popen[bytes]] = {}
        # A make that is killed takes its demo along; a shell that has gone leaves it running.
        self.maker = os.getppid() if "MAKELEVEL" in os.environ else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # All are asked at once, so that the slowest decides how long it takes.
        for keeper in self.keepers.values():
            assert keeper.stdin
            keeper.stdin.close()
        for keeper in reversed(self.keepers.values()):
            keeper.wait()

    def start(self, name: str, *command: str) -> None:
        """Starts `python -m command…` under `name`, in a session of its own, out of reach of the terminal's Ctrl-C."""
        with (self.logs / f"{name}.log").open("ab") as log:
            self.keepers[name] = subprocess.Popen(
                [sys.executable, "-m", "deploy.demo.keeper", sys.executable, "-m", *command],
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def check(self) -> None:
        """Raises DemoError when one of them has ended, or the make that started the demo."""
        if self.maker is not None and os.getppid() != self.maker:
            raise DemoError("The make that started it has ended.")
        for name, keeper in self.keepers.items():
            if keeper.poll() is not None:
                raise DemoError(f"The {name} ended unexpectedly. {self.logs / name}.log says why.")

    def wait_for_port(self, port: int, seconds: float = 30) -> None:
        """Returns once something listens on the port. Raises DemoError when nothing does in time."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.check()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.1)
        raise DemoError(f"Nothing listens on port {port} after {seconds:.0f} seconds. The logs are in {self.logs}.")
