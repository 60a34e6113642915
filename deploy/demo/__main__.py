"""`make demo`: prepares everything in the data folder, lets the real worker and beat deliver 54 files, then serves the portal.

Every step does only what is not done yet, so that a second start goes on where the first ended. ONCE=1 stops after the files.
"""

import fcntl
import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def prepare_environment() -> Path:
    """Sets what the portal and all its processes read; returns the demo's own folder in the data folder."""
    data_dir = ROOT / os.environ.get("DATA_DIR", "data")
    # The embedded default, whatever this shell has set for another portal.
    for name in ("DATABASE_URL", "CELERY_BROKER_URL", "ARCHIVE_STORAGE_URL", "WORK_DIR", "SECRET_KEY", "FIELD_ENCRYPTION_KEYS"):
        os.environ.pop(name, None)
        os.environ.pop(f"{name}_FILE", None)
    os.environ.update(
        DJANGO_SETTINGS_MODULE="actito_exports.settings",
        DATA_DIR=str(data_dir),
        DEMO="1",
        DEBUG="0",
        # A demo that was killed goes on soon after its next start.
        LEASE_SECONDS="30",
    )
    folder = data_dir / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def interrupted(number: int, frame: object) -> None:
    # Once is enough: what follows is the way out, which a second Ctrl-C does not cut short.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> int:
    """0 when all 54 files are delivered and verified, and after a Ctrl-C of the running portal; 1 with the reason otherwise."""
    folder = prepare_environment()
    import django

    django.setup()
    from django.core.management.base import CommandError

    from . import story
    from .processes import DemoError

    signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, interrupted)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"A demo is running in {folder} already. Stop it first, or set DATA_DIR to another folder.", file=sys.stderr)
            return 1
        try:
            return story.tell(ROOT, folder, once=os.environ.get("ONCE", "") not in {"", "0"})
        except (DemoError, CommandError) as error:
            print(f"The demo stopped: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("\nStopped, with everything that the demo had started.", flush=True)
            return 130


if __name__ == "__main__":
    sys.exit(main())
