"""Runs a command for as long as somebody holds the other end of its standard input, then stops it and all it started.

So nothing outlives the demo, not even when the demo itself is killed without a chance to clean up.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys

GRACE_SECONDS = 10


def stop(child: subprocess.Popen[bytes]) -> None:
    """Asks the command to end, and after the grace kills its whole process group."""
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def main(command: list[str]) -> int:
    """Returns the command's exit code, 0 when it was stopped by request."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)
    try:
        while child.poll() is None:
            if select.select([sys.stdin], [], [], 0.5)[0]:
                return 0
        return child.returncode
    finally:
        # From here on nothing interrupts the end.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        stop(child)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
