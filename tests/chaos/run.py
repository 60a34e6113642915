"""One simulation: days pass, writers write, faults strike; then they stop, everything drains, and the verdict falls."""

import signal
import time
from collections.abc import Callable
from datetime import timedelta

from tests.chaos.faults import Faults, draw
from tests.chaos.taker import Taker
from tests.chaos.world import World

DAY = 86_400
# At the end the clock goes on in steps longer than what a lost hint waits before it is sent again. Each step ends every
# claim, so there is time for the work between two of them.
STEP, STEP_EVERY = 660, 15.0


class Stuck(Exception):
    """The world did not come to rest in its time."""


def simulate(seed: int, days: int, day_seconds: float, tell: Callable[[str], None], *, embedded: bool = False) -> bool:
    """Runs one seed; True when nothing was lost, doubled, halved or stuck. Bounded in time; everything it starts is stopped."""
    began = time.monotonic()
    with World(seed, embedded=embedded) as world:
        # Django is set up by now.
        from tests.chaos.verdict import Verdict

        if len(world.disks) < 2 and not embedded:
            tell("Disks cannot be mounted here, so none will be full.")
        faults, verdict = Faults(world, tell), Verdict()
        tell(f"seed {seed}: {len(world.flows)} flows, {days} days of {day_seconds:g} s")
        with Taker(list(world.client_folders.values())) as taker:
            try:
                live(world, faults, seed, days, day_seconds)
                tell(f"The faults are over after {time.monotonic() - began:.0f} s; what waits goes out now.")
                drain(world)
                tell(f"Nothing waits after {time.monotonic() - began:.0f} s; the files are loaded and compared.")
            except Stuck as stuck:
                verdict.wrong.append(str(stuck))
            world.processes.stop()
        taker.look()
        verdict.judge(world, taker.half)
        if verdict.wrong:
            for log in sorted(world.folder.glob("*.log")):
                tell(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}")
        report(verdict, faults, taker.taken, time.monotonic() - began, seed, tell)
        return not verdict.wrong


def live(world: World, faults: Faults, seed: int, days: int, day_seconds: float) -> None:
    """The days with their faults; at the end every fault is undone and every writer has ended its transaction."""
    plan = draw(seed, days, list(faults.sorts()))
    world.start_product()
    begin(world)
    writers = world.start_writers(seed)
    for day in range(1, days + 1):
        start = time.monotonic()
        for fault in (fault for fault in plan if fault.day == day):
            time.sleep(max(0.0, start + fault.at * day_seconds - time.monotonic()))
            faults.strike(fault)
        time.sleep(max(0.0, start + day_seconds - time.monotonic()))
        world.clock.advance(DAY)
    faults.over()
    writers.send_signal(signal.SIGTERM)
    writers.wait(60)
    if not world.embedded:
        commit_prepared()


def begin(world: World, seconds: float = 60) -> None:
    """The first day, still quiet: until the first files are made."""
    from flows.models import Run

    world.clock.advance(DAY)
    end = time.monotonic() + seconds
    while not Run.objects.filter(status=Run.Status.DONE).exists():
        if time.monotonic() > end:
            raise Stuck(f"{seconds:g} s after the start no file was made")
        time.sleep(0.2)


def commit_prepared() -> None:
    """What a crash left between its two phases."""
    from django.db import connection

    connection.close()  # of before the last crash
    with connection.cursor() as cursor:
        cursor.execute("SELECT gid FROM pg_prepared_xacts")
        for (name,) in cursor.fetchall():
            cursor.execute("COMMIT PREPARED %s", [name])


def drain(world: World, seconds: float = 300) -> None:
    """One more day without faults, until every flow has a file of it and nothing is on its way. Raises Stuck."""
    from django.utils import timezone

    from flows.models import Delivery, Flow, Run

    time.sleep(1)
    # Drawn before the clock is set: a worker may follow it, and open the day's runs, sooner than this process.
    world.clock.catch_up()
    last_day = timezone.now() + timedelta(seconds=DAY / 2)
    world.clock.advance(DAY)
    stepped = time.monotonic()
    end = stepped + seconds
    while time.monotonic() < end:
        time.sleep(1)
        if time.monotonic() > stepped + STEP_EVERY:
            world.clock.advance(STEP)
            stepped = time.monotonic()
        last = Run.objects.filter(opened_at__gte=last_day).exclude(status__in=Run.UNFINISHED)
        waiting = Flow.objects.exclude(pk__in=last.values("flow")).count()
        runs = Run.objects.filter(status__in=Run.UNFINISHED).count()
        deliveries = Delivery.objects.filter(status__in=Delivery.UNFINISHED).count()
        if not waiting and not runs and not deliveries:
            return
    raise Stuck(f"after {seconds:g} s without faults {waiting} flows, {runs} runs and {deliveries} deliveries were not through")


def report(verdict, faults: Faults, taken: int, seconds: float, seed: int, tell: Callable[[str], None]) -> None:
    tell(f"\nFaults survived, seed {seed}:")
    for sort, count in sorted(faults.struck.items()):
        tell(f"  {count:3}  {sort}")
    missed = sum(faults.missed.values())
    tell(f"  {faults.struck.total():3}  in all{f'; for {missed} more the moment did not come' if missed else ''}")
    for sentence in verdict.wrong[:40]:
        tell(f"WRONG  {sentence}")
    tell(
        f"{verdict.events:,} events, {verdict.runs:,} runs, {verdict.deliveries:,} deliveries, {verdict.files:,} files on the "
        f"servers, {taken:,} taken as they appeared, {seconds:.0f} s."
    )
    if not verdict.wrong:
        tell("0 lost, 0 doubled, 0 half files under a final name, 0 stuck, every chain unbroken, reconciled.")
