"""Celery workers on a Redis of their own, started as an operator would, with the bench's own task beside the product's."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .measure import ROOT, Actor
from .workplace import Workplace


@contextmanager
def workers(environment: dict[str, str], count: int, actor: Actor) -> Iterator[None]:
    """A worker of as many processes, all of them warm; killed at the end, whatever they are at."""
    command = [sys.executable, "-m", "celery", "-A", "bench.bare", "worker", "-c", str(count), "--loglevel", "ERROR"]
    process = subprocess.Popen(
        [*command, "--without-gossip", "--without-mingle", "--without-heartbeat"],
        cwd=ROOT,
        env={**environment, "C_FORCE_ROOT": "1", "PYTHONWARNINGS": "ignore"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        # Each process loads what it needs, and connects to the database, with its first tasks.
        for task in ("bench.bare", "bench.kept"):
            actor("bench.due_work:bare_tasks", numbers=[0] * (20 * count), name=task)
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    actor("bench.due_work:empty_queue")


@contextmanager
def stage(work: Workplace, name: str, **more: str) -> Iterator[tuple[dict[str, str], Actor]]:
    """A database and a Redis: the environment of their workers, with `more` in it, and a process that asks them."""
    with work.database(name) as database, work.redis() as broker:
        environment = work.settings(database, CELERY_BROKER_URL=broker, **more)
        with work.actor(environment) as actor:
            actor("bench.due_work:prepare")
            yield environment, actor
