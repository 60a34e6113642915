"""`make test`: installs the servers and tools that the tests talk to, then runs pytest on SQLite and on PostgreSQL.

Arguments go to pytest as they are. TEST_DATABASE_URL names a PostgreSQL to use; without it one is started for the run.
Tests marked `slow` run once, on PostgreSQL. With CI=true whatever cannot be installed is a failure.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster import cluster

ROOT = Path(__file__).resolve().parent.parent
CI = os.environ.get("CI", "").lower() in {"1", "true"}
# Debian package -> the command that tells whether it is there.
PACKAGES = {
    "openssh-server": "sshd",
    "openssh-client": "sftp",
    "vsftpd": "vsftpd",
    "redis-server": "redis-server",
    "chromium": "chromium",
    "unzip": "unzip",
    "zip": "zip",
    "p7zip-full": "7z",
    "libarchive-tools": "bsdtar",
    "gnupg": "gpg",
    "git": "git",
}
# pytest's exit codes that are no failure of a test.
PASSED, NOTHING_SELECTED = 0, 5


def missing() -> list[str]:
    """The Debian packages whose command is on no path, the ones of system daemons included."""
    path = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
    return [package for package, command in PACKAGES.items() if not shutil.which(command, path=path)]


def privilege() -> list[str] | None:
    """What to put before a command so that it runs as root; None when this user may not."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and not subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode:
        return ["sudo", "-n"]
    return None


def install(packages: list[str]) -> None:
    """Installs Debian packages where that is allowed; the daemons among them are not started."""
    rights = privilege()
    if rights is None or not shutil.which("apt-get"):
        return
    print(f"Installing {', '.join(packages)} …", flush=True)
    # RUNLEVEL=1 keeps the packages' own start scripts from starting anything.
    apt = [*rights, "env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get", "-qq"]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "check": False}
    subprocess.run([*apt, "update"], **quiet)  # type: ignore[call-overload]
    subprocess.run([*apt, "install", "-y", "--no-install-recommends", *packages], **quiet)  # type: ignore[call-overload]


def prepare() -> None:
    """Installs what is missing. What stays missing is named; in CI that ends the run."""
    if missing():
        install(missing())
    if absent := missing():
        print(
            f"Not installed: {', '.join(absent)}. The tests that need them are skipped. "
            f"As root, install them with: apt-get install {' '.join(absent)}",
            file=sys.stderr,
            flush=True,
        )
        if CI:
            sys.exit(1)


def pytest(database: str, url: str, arguments: list[str], *, slow: bool) -> tuple[int, str]:
    """Runs pytest on one database; returns its exit code and its closing line, printing all it prints."""
    print(f"\n=== {database} {'=' * 60}", flush=True)
    environment = {**os.environ, "TEST_DATABASE_URL": url}
    if not url:
        del environment["TEST_DATABASE_URL"]
    workers = str(max(2, os.cpu_count() or 2))
    # The user's own -m comes later on the line and so wins. A file's tests share its servers: one worker per file.
    command = [sys.executable, "-m", "pytest", "-n", workers, "--dist", "loadfile", *([] if slow else ["-m", "not slow"])]
    command += ["--durations", "10"] if CI else []
    process = subprocess.Popen(
        [*command, *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    last = ""
    assert process.stdout
    try:
        for line in process.stdout:
            print(line, end="", flush=True)
            last = line.strip(" =\n") or last
        return process.wait(), last
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of the PostgreSQL that the tests use: the one that is named, else one started for them."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
    else:
        with cluster() as url:
            yield url


def main(arguments: list[str]) -> int:
    """Runs everything, prints one summary; 0 when both databases passed and some test was selected."""
    # A polite kill unwinds like Ctrl-C, so that what was started is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    prepare()
    began = time.monotonic()
    outcomes = {"SQLite": pytest("SQLite", "", arguments, slow=False)}
    with postgresql() as url:
        outcomes["PostgreSQL"] = pytest("PostgreSQL", url, arguments, slow=True)
    print(f"\n=== Summary, {time.monotonic() - began:.0f} s {'=' * 50}")
    for database, (code, last) in outcomes.items():
        print(f"{database:<11} {'passed' if code in {PASSED, NOTHING_SELECTED} else 'FAILED'}  {last}")
    codes = {code for code, _ in outcomes.values()}
    return 0 if PASSED in codes and codes <= {PASSED, NOTHING_SELECTED} else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
