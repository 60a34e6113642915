"""The faults: which there are, in which order a seed draws them, and how each is done and undone.

A kill in a phase waits for a worker that is in that phase, as the database and the disks show it, and kills that process.
"""

import contextlib
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from django.db import Error, connection

from tests.chaos import phases
from tests.chaos.servers import send
from tests.chaos.world import LEASE_SECONDS, World

PATIENCE = 25.0  # seconds that a kill waits for its phase
PER_DAY = 3


@dataclass(frozen=True)
class Fault:
    """What happens on a day, at which part of it, and a number from 0 to 1 for what is left to chance in it."""

    day: int
    at: float
    sort: str
    number: float


def draw(seed: int, days: int, sorts: list[str]) -> list[Fault]:
    """The faults of a run in their order. Every sort comes round before one comes again; the same seed draws the same."""
    chance = random.Random(f"faults {seed}")
    deck: list[str] = []
    drawn = []
    per_day = max(PER_DAY, -(-len(sorts) // max(1, days - 1)))
    for day in range(1, days + 1):
        for at in sorted(chance.random() * 0.9 for _ in range(per_day)):
            if not deck:
                deck = chance.sample(sorts, len(sorts))
            drawn.append(Fault(day, at, deck.pop(), chance.random()))
    return drawn


class Faults:
    """Strikes a world and counts what struck, by sort. Each strike has a thread of its own."""

    def __init__(self, world: World, tell: Callable[[str], None]) -> None:
        self.world, self.tell = world, tell
        self.struck: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()
        self.threads: list[threading.Thread] = []
        self.locks = {name: threading.Lock() for name in ("sshd", "vsftpd", "redis", "postgresql", "client", "portal", "beat")}

    def sorts(self) -> dict[str, Callable[[float], bool]]:
        """Every sort of fault with its deed, which tells whether it struck. The embedded world has those of the worker."""
        kills: dict[str, Callable[[float], bool]] = {
            f"worker killed {phase}": lambda number, phase=phase: self.kill_in(phase) for phase in phases.PHASES
        }
        workers: dict[str, Callable[[float], bool]] = {
            "worker process killed at a random moment": self.kill_one,
            "whole worker killed": self.kill_worker,
            "worker frozen beyond its lease": self.freeze_worker,
        }
        if self.world.embedded:
            return kills | workers
        disks = {f"disk of the {name} full": lambda number, name=name: self.fill(name) for name in self.world.disks}
        return (
            kills
            | workers
            | {
                "beat killed": self.kill_beat,
                "two beats at once": self.second_beat,
                "Redis flushed": self.flush,
                "Redis killed and started anew": self.restart_redis,
                "PostgreSQL stopped at once and started anew": self.restart_postgresql,
                "sshd down": lambda number: self.stop_server("sshd", number),
                "vsftpd down": lambda number: self.stop_server("vsftpd", number),
                "sshd frozen": lambda number: self.freeze_server("sshd", number),
                "vsftpd frozen": lambda number: self.freeze_server("vsftpd", number),
                "connection cut at a random byte": self.cut,
                "launch time edited": self.edit_launch_time,
                "enrichment edited": self.edit_enrichment,
                "location added": self.add_location,
            }
            | disks
        )

    def strike(self, fault: Fault) -> None:
        thread = threading.Thread(target=self._strike, args=(fault,), daemon=True)
        self.threads.append(thread)
        thread.start()

    def _strike(self, fault: Fault) -> None:
        try:
            struck = self.sorts()[fault.sort](fault.number)
            (self.struck if struck else self.missed)[fault.sort] += 1
            self.tell(f"day {fault.day:2}  {fault.sort}{'' if struck else ' (its moment did not come)'}")
        finally:
            connection.close()

    def over(self) -> None:
        """Waits until every fault is undone."""
        for thread in self.threads:
            thread.join()

    # --- Workers and beat ---

    def kill_in(self, phase: str) -> bool:
        end = time.monotonic() + PATIENCE
        watch = phases.Watch(self.world)
        try:
            while time.monotonic() < end:
                for pid in watch.workers_in(phase):
                    if pid in self.world.processes.pool():
                        send([pid], signal.SIGKILL)
                        return True
                time.sleep(0.004)
        finally:
            watch.close()
        return False

    def kill_one(self, number: float) -> bool:
        pool = self.world.processes.pool()
        send([pool[int(number * len(pool))]] if pool else [], signal.SIGKILL)
        return bool(pool)

    def kill_worker(self, number: float) -> bool:
        workers = sorted(name for name in self.world.processes.running if name.startswith("worker"))
        self.world.processes.kill(workers[int(number * len(workers))])
        return True

    def freeze_worker(self, number: float) -> bool:
        """A pool process that holds a claim, so that it finds out on waking that it has lost it."""
        end = time.monotonic() + PATIENCE
        watch = phases.Watch(self.world)
        try:
            while time.monotonic() < end:
                for pid in watch.claiming():
                    if pid in self.world.processes.pool():
                        send([pid], signal.SIGSTOP)
                        time.sleep(LEASE_SECONDS + 1 + 2 * number)
                        send([pid], signal.SIGCONT)
                        return True
                time.sleep(0.01)
        finally:
            watch.close()
        return False

    def kill_beat(self, number: float) -> bool:
        self.world.processes.kill("beat")
        return True

    def second_beat(self, number: float) -> bool:
        with self.locks["beat"]:
            self.world.add_beat("beat2")
            time.sleep(8 + 6 * number)
            self.world.processes.remove("beat2")
        return True

    # --- Servers ---

    def flush(self, number: float) -> bool:
        with self.locks["redis"]:
            self.world.redis.flush()
        return True

    def restart_redis(self, number: float) -> bool:
        with self.locks["redis"]:
            self.world.redis.kill()
            time.sleep(3 * number)
            self.world.redis.start()
        return True

    def restart_postgresql(self, number: float) -> bool:
        with self.locks["postgresql"]:
            self.world.postgresql.stop()
            time.sleep(3 * number)
            self.world.postgresql.start()
        return True

    def stop_server(self, name: str, number: float) -> bool:
        server = getattr(self.world, name)
        with self.locks[name]:
            server.kill()
            time.sleep(2 + 5 * number)
            server.start()
        return True

    def freeze_server(self, name: str, number: float) -> bool:
        server = getattr(self.world, name)
        with self.locks[name]:
            server.freeze()
            time.sleep(2 + 6 * number)
            server.thaw()
        return True

    def cut(self, number: float) -> bool:
        """Short numbers fall into the log-in, long ones into a file."""
        before = self.world.proxy.cuts
        self.world.proxy.cut(int(300 + number**3 * 60_000))
        end = time.monotonic() + PATIENCE
        while self.world.proxy.cuts == before and time.monotonic() < end:
            time.sleep(0.1)
        return self.world.proxy.cuts > before

    def fill(self, name: str) -> bool:
        with self.locks[name]:
            path = self.world.fill(name)
            time.sleep(5)
            if path:
                path.unlink()
        return path is not None

    # --- Configuration, as support's forms save it ---

    def edit_launch_time(self, number: float) -> bool:
        def edit() -> None:
            flow = self._flow(number)
            flow.launch_time = flow.launch_time.replace(hour=int(number * 2400) % 24)
            flow.save()

        return self._saved(edit)

    def edit_enrichment(self, number: float) -> bool:
        def edit() -> None:
            flow = self._flow(number)
            from flows.models import Enrichment

            attributes = list(flow.profile_table.attributes.order_by("name"))
            attribute = attributes[int(number * 1000) % len(attributes)]
            if not Enrichment.objects.filter(flow=flow, attribute=attribute).delete()[0]:
                Enrichment.objects.create(flow=flow, attribute=attribute, order=1)

        return self._saved(edit)

    def add_location(self, number: float) -> bool:
        def edit() -> None:
            flow = self._flow(number)
            flow.locations.add(flow.account.locations.exclude(flows=flow).order_by("pk").first())

        return self._saved(edit)

    def _flow(self, number: float):
        from flows.models import Flow

        flows = Flow.objects.select_related("profile_table__account").order_by("pk")
        return flows[int(number * flows.count())]

    def _saved(self, edit: Callable[[], None]) -> bool:
        """Repeated while the database is away, as a person would."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with contextlib.suppress(Error):
                edit()
                return True
            connection.close()
            time.sleep(0.5)
        return False
