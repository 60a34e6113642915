"""A world to break: the servers, the product's own processes under one clock, at least forty flows, and the writers.

`Processes` starts workers and beats anew when they die, as a supervisor of a production machine does.
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from datetime import time as wall_time
from pathlib import Path

from tests.chaos import clock
from tests.chaos.proxy import Proxy
from tests.chaos.servers import PROXY_HOST, Client, PostgreSQL, Redis, send, sshd, vsftpd
from tests.servers import descendants

ROOT = Path(__file__).resolve().parents[2]
LEASE_SECONDS = 3
ZONES = {"bru": "Europe/Brussels", "nyc": "America/New_York", "ccu": "Asia/Kolkata", "akl": "Pacific/Auckland"}
TABLES = {"bru": ["customers", "prospects"], "nyc": ["customers"], "ccu": ["customers"], "akl": ["customers"]}
KINDS = [
    "email_click", "email_sent", "email_opening", "sms_sent", "goal_webvisit", "email_hard_bounce", "survey_participation",
    "subscription_update", "email_complaint", "email_unsubscribe", "sms_delivered", "print_ready",
]  # fmt: skip
PER_TABLE = 9
DISK = "400m"


class Processes:
    """The product's processes by name; each in a group of its own, started anew when it has died."""

    def __init__(self, folder: Path, environment: dict[str, str], clock_file: Path) -> None:
        self.folder, self.environment, self.clock_file = folder, environment, clock_file
        self.commands: dict[str, list[str]] = {}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.lock = threading.Lock()
        self.keeping = threading.Event()

    def add(self, name: str, *command: str) -> None:
        with self.lock:
            self.commands[name] = [sys.executable, "-m", "tests.chaos.product", str(self.clock_file), *command]
            self._start(name)

    def _start(self, name: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                self.commands[name], cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def keep(self) -> None:
        """Starts anew whatever has died, every second, until `stop`."""
        threading.Thread(target=self._keep, daemon=True).start()

    def _keep(self) -> None:
        while not self.keeping.wait(1):
            with self.lock:
                for name in self.commands:
                    if self.running[name].poll() is not None:
                        self._sweep(name)
                        self._start(name)

    def _sweep(self, name: str) -> None:
        # Whatever a main process that was killed alone has left behind.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.running[name].pid, signal.SIGKILL)

    def remove(self, name: str) -> None:
        with self.lock:
            del self.commands[name]
            self._sweep(name)
            self.running.pop(name).wait()

    def pool(self) -> list[int]:
        """The pool processes of the workers."""
        mains = [process.pid for name, process in self.running.items() if name.startswith("worker")]
        return [pid for main in mains for pid in descendants(main)[1:]]

    def kill(self, name: str) -> None:
        """kill -9 of the main process alone."""
        send([self.running[name].pid], signal.SIGKILL)

    def stop(self) -> None:
        self.keeping.set()
        for name in list(self.commands):
            self.remove(name)


class World:
    """Made by `with World(seed, embedded) as world`; everything in it is stopped and removed at the end, by its own pid.

    Embedded: SQLite, the file broker, one worker and beat, a few flows and an SFTP server.
    """

    def __init__(self, seed: int, *, embedded: bool = False) -> None:
        self.random = random.Random(f"world {seed}")
        self.embedded = embedded
        self.folder = Path(tempfile.mkdtemp(prefix="portal-chaos-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self.client = Client(self.folder)
        self.disks: dict[str, Path] = {}
        self.cleanup = contextlib.ExitStack()
        self.flows: list[object] = []
        self.client_folders: dict[str, Path] = {}

    def __enter__(self) -> "World":
        try:
            self._build()
        except BaseException:
            self.cleanup.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.cleanup.close()

    def _build(self) -> None:
        self.cleanup.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self._mount("client")
        self._mount("portal")
        self.client.create()
        self.cleanup.callback(self.client.remove)
        self._start_servers()
        self._set_environment()
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        self._populate()
        self.processes = Processes(self.folder, dict(os.environ), self.clock_file)
        self.cleanup.callback(self.processes.stop)

    def _mount(self, name: str) -> None:
        """A small disk of its own that can be filled; without the right to mount, a plain folder."""
        path = self.folder / name
        path.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=755", "tmpfs", path], capture_output=True)
        if mounted.returncode == 0:
            self.disks[name] = path
            self.cleanup.callback(subprocess.run, ["umount", "-l", path], check=False)

    def _start_servers(self) -> None:
        self.sshd, self.sftp_fields = sshd(self.folder, self.client)
        self.servers = [self.sshd]
        ports = [self.sshd.port]
        if not self.embedded:
            self.postgresql, self.redis = PostgreSQL(self.folder), Redis(self.folder)
            self.postgresql.create()
            self.cleanup.callback(self._quietly, self.postgresql.stop)
            self.postgresql.start()
            self.vsftpd, passive, self.ftps_fields = vsftpd(self.folder, self.client)
            self.servers.append(self.vsftpd)
            ports += [self.vsftpd.port, *passive]
            self.cleanup.callback(self.redis.kill)
            self.redis.start()
        for server in self.servers:
            self.cleanup.callback(server.kill)
            server.start()
        self.proxy = Proxy(PROXY_HOST, ports, latency=0.005, rate=4_000_000)
        self.proxy.start()
        self.cleanup.callback(self.proxy.stop)

    def _quietly(self, stop) -> None:
        with contextlib.suppress(subprocess.SubprocessError):
            stop()

    def _set_environment(self) -> None:
        """For this process and all that it starts; whatever the shell has set for another portal is left out."""
        for name in (
            "SECRET_KEY",
            "FIELD_ENCRYPTION_KEYS",
            "DATABASE_URL",
            "CELERY_BROKER_URL",
            "ARCHIVE_STORAGE_URL",
            "WORK_DIR",
        ):
            os.environ.pop(name, None)
            os.environ.pop(f"{name}_FILE", None)
        portal = self.folder / "portal"
        os.environ.update(
            DJANGO_SETTINGS_MODULE="actito_exports.settings", DEBUG="1", DATA_DIR=str(portal), LOG_LEVEL="WARNING",
            LEASE_SECONDS=str(LEASE_SECONDS), RETRY_SECONDS="1", RETRY_MAX_SECONDS="4", TRANSFER_TIMEOUT="4",
            RUN_ATTEMPTS="100", TMPDIR=str(portal),
        )  # fmt: skip
        if self.embedded:
            # On a disk of its own, which no fault fills: SQLite lies beside the archives.
            os.environ["DATABASE_URL"] = f"sqlite:///{self.folder / 'portal.sqlite3'}"
        else:
            os.environ.update(DATABASE_URL=self.postgresql.url, CELERY_BROKER_URL=self.redis.url)
        self.clock_file = self.folder / "clock"
        clock.start(self.clock_file)
        self.clock = clock.Clock(self.clock_file)

    # --- Accounts, locations, flows ---

    def _populate(self) -> None:
        from django_celery_beat.models import IntervalSchedule, PeriodicTask

        from accounts.models import Account, Attribute, ProfileTable

        often, _ = IntervalSchedule.objects.get_or_create(every=2, period="seconds")
        for task in PeriodicTask.objects.filter(task__in=["flows.tasks.tick", "flows.tasks.recover"]):
            task.interval = often
            task.save()
        for name, zone in ZONES.items() if not self.embedded else [("bru", ZONES["bru"])]:
            account = Account.objects.create(name=name, label=name.upper(), time_zone=zone)
            locations = self._locations(account)
            for place, table_name in enumerate(TABLES[name] if not self.embedded else ["customers"]):
                table = ProfileTable.objects.create(account=account, name=table_name)
                for attribute in ("firstName", "city"):
                    Attribute.objects.create(profile_table=table, name=attribute, type="text")
                for number in range(PER_TABLE if not self.embedded else 6):
                    self._flow(table, KINDS[(number + 3 * place) % len(KINDS)], locations, number)

    def _locations(self, account) -> list[object]:
        """Three of an account: two by SSH, one by FTPS; the embedded world has the first two."""
        from transfers.models import Location, Server

        made = []
        sorts = [("ssh", self.sftp_fields), ("ssh", self.sftp_fields)]
        if not self.embedded:
            sorts.append(("ftps", self.ftps_fields))
        for number, (sort, fields) in enumerate(sorts):
            server, _ = Server.objects.get_or_create(account=account, name=sort, defaults=fields)
            folder = f"{account.name}-{sort}-{number}"
            self.client.new_folder(folder)
            location = Location.objects.create(
                account=account, name=f"{sort}-{number}", server=server, manifest=True, checksum=number == 1, ready=number == 1,
                folder=f"/{folder}" if sort == "ftps" else f"{self.client.home}/{folder}",
            )  # fmt: skip
            self.client_folders[str(location)] = self.client.home / folder
            made.append(location)
        return made

    def _flow(self, table, kind: str, locations: list[object], number: int) -> None:
        from flows.models import Flow

        moment = wall_time(self.random.randrange(24), self.random.randrange(60))
        flow = Flow.objects.create(
            profile_table=table,
            kind=kind,
            launch_time=moment,
            active=True,
            when_empty="no_file" if number == 4 else "header_only",
        )
        first = locations[number % len(locations)]
        flow.locations.add(first)
        if number % 3 == 0:
            flow.locations.add(locations[(number + 1) % len(locations)])
        flow.first_location = str(first)
        self.flows.append(flow)

    # --- Processes ---

    def start_product(self) -> None:
        plain = ["--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "WARNING"]
        app = ["celery", "-A", "actito_exports"]
        for name in ["worker1"] if self.embedded else ["worker1", "worker2"]:
            self.processes.add(name, *app, "worker", "-c", "2", "-n", f"{name}@chaos", *plain)
        self.add_beat("beat")
        self.processes.keep()

    def add_beat(self, name: str) -> None:
        self.processes.add(name, "celery", "-A", "actito_exports", "beat", "-l", "WARNING", "--pidfile=")

    def start_writers(self, seed: int) -> subprocess.Popen[bytes]:
        with (self.folder / "writers.log").open("ab") as log:
            writers = subprocess.Popen([sys.executable, "-m", "tests.chaos.writers", str(seed)], cwd=ROOT, stdout=log, stderr=log)
        self.cleanup.callback(send, [writers.pid], signal.SIGKILL)
        return writers

    def fill(self, name: str) -> Path | None:
        """Fills a disk to its last block; the file to remove when it is over."""
        if name not in self.disks:
            return None
        path = self.disks[name] / "filler"
        with path.open("wb") as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 20))
        return path
