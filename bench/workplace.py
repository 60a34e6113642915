"""What a run of the bench has at hand: sizes, databases, warm processes, folders; all of it gone at the end."""

import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .cluster import cluster, free_port, programs
from .measure import ROOT, ROUNDS, Actor

# A quick pass takes a twentieth of the rows, and still every line.
SCALES = {"full": 1, "small": 20}


class Workplace:
    def __init__(self, scale: str) -> None:
        self.scale = scale
        self.rounds = int(os.environ.get("ROUNDS") or ROUNDS)
        self._exits = ExitStack()
        self._databases: dict[str, Actor] = {}

    def __enter__(self) -> Self:
        folder = Path(tempfile.mkdtemp(prefix="portal-bench-", dir=os.environ.get("BENCH_DIR") or "/var/tmp"))
        self.folder = folder
        # The cluster's user and the servers' users go through here.
        folder.chmod(0o755)
        self._exits.callback(shutil.rmtree, folder, ignore_errors=True)
        self.cluster = self._exits.enter_context(cluster(folder))
        base = {name: value for name, value in os.environ.items() if not name.endswith("_FILE")}
        self.environment = base | {
            "DJANGO_SETTINGS_MODULE": "actito_exports.settings",
            "DEBUG": "0",
            "DEMO": "0",
            "SECRET_KEY": secrets.token_hex(32),
            "FIELD_ENCRYPTION_KEYS": _fernet_key(),
            "LOG_LEVEL": "ERROR",
            "DATA_DIR": str(folder / "data"),
            "CELERY_BROKER_URL": "memory://",
            "PGHOST": "127.0.0.1",
            "PGUSER": "postgres",
            "PGPORT": self.cluster.rpartition(":")[2],
        }
        self.psql(f"CREATE DATABASE {TEMPLATE}", "postgres")
        self.manage("migrate", DATABASE_URL=f"{self.cluster}/{TEMPLATE}")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._exits.close()

    def rows(self, count: int) -> int:
        """The count at full scale, made smaller for a quick pass."""
        return max(count // SCALES[self.scale], 10)

    def manage(self, *arguments: str, **environment: str) -> None:
        subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
        )

    def psql(self, text: str, database: str) -> str:
        """Runs a statement through psql; what it prints, unadorned."""
        command = [str(programs() / "psql"), self.url(database), "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", text]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{text[:200]}: {done.stderr[-1000:]}")
        return done.stdout.strip()

    def url(self, database: str) -> str:
        # A plain PostgreSQL URL; psql and Django read the same one.
        return f"{self.cluster}/{database}"

    @contextmanager
    def database(self, name: str) -> Iterator[str]:
        """A database with the product's empty tables, removed at the end."""
        self.psql(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}", "postgres")
        try:
            yield name
        finally:
            self.psql(f"DROP DATABASE {name} WITH (FORCE)", "postgres")

    def settings(self, database: str, **more: str) -> dict[str, str]:
        """The environment of a process of the product on that database."""
        return self.environment | {"DATABASE_URL": self.url(database), "DATA_DIR": str(self.folder / f"data-{database}")} | more

    @contextmanager
    def actor(self, environment: dict[str, str], python: str = sys.executable) -> Iterator[Actor]:
        actor = Actor(environment, python)
        try:
            yield actor
        finally:
            actor.close()

    def plain(self) -> dict[str, str]:
        """The environment of a process that is not Django."""
        return {name: value for name, value in self.environment.items() if name != "DJANGO_SETTINGS_MODULE"}

    @contextmanager
    def redis(self) -> Iterator[str]:
        """The URL of a Redis of the bench's own."""
        port = free_port()
        program = shutil.which("redis-server")
        if not program:
            raise RuntimeError("redis-server is not installed. On Debian and Ubuntu: apt-get install redis-server")
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=self.folder)
        try:
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait()


TEMPLATE = "portal_template"


def _fernet_key() -> str:
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()


def versions(work: Workplace) -> dict[str, Any]:
    """What took part, with its version."""
    from importlib.metadata import version

    names = ("Django", "celery", "psycopg", "paramiko", "zlib-ng", "isal")
    found = {name: version(name) for name in names}
    found["PostgreSQL"] = work.psql("SHOW server_version", "postgres")
    found["Python"] = sys.version.split()[0]
    for name, command in {"OpenSSH": "ssh -V", "Info-ZIP": "zip -v", "Redis": "redis-server --version"}.items():
        done = subprocess.run(command.split(), capture_output=True, text=True, check=False)
        told = re.search(r"(?:OpenSSH_|Zip |v=)(\d[\w.]*)", done.stdout + done.stderr)
        found[name] = told[1] if told else "unknown"
    return found


def machine() -> dict[str, Any]:
    """Processor, cores and memory, as Linux tells them."""
    processor = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "unknown"
    )
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 1024**2, 1),
        "system": os.uname().release,
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
