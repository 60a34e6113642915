"""The product's own processes, on Redis and on a folder of messages: beat ticks, workers execute and deliver, nobody else helps."""

import os
import signal
import subprocess
import sys
import time
from datetime import time as clock_time
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from flows import schedule, verify
from flows.models import Delivery, Flow, Run
from flows.pages.health import tick_age
from tests.flows.conftest import load_clicks
from tests.servers import descendants
from transfers.models import Location, Server

ROOT = Path(__file__).resolve().parent.parent.parent
KINDS = ["email_click", "email_sent", "sms_sent", "goal_webvisit", "survey_answer"]


def database_url() -> str:
    """The test database, for a process of its own."""
    chosen = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{chosen['NAME']}"
    return f"postgresql://{chosen['USER']}:{chosen['PASSWORD']}@{chosen['HOST']}:{chosen['PORT']}/{chosen['NAME']}"


@pytest.fixture
def start(tmp_path, settings):
    """Starts Celery processes on the test database; all are stopped at the end."""
    running = []

    def celery(broker, *arguments):
        environment = {
            **os.environ,
            "DATABASE_URL": database_url(),
            "CELERY_BROKER_URL": broker,
            "DATA_DIR": str(tmp_path),
            "ARCHIVE_STORAGE_URL": f"file://{tmp_path / 'archives'}",
            "WORK_DIR": str(tmp_path / "work"),
            "FIELD_ENCRYPTION_KEYS": ",".join(settings.FIELD_ENCRYPTION_KEYS),
            "SECRET_KEY": settings.SECRET_KEY,
        }
        command = [sys.executable, "-m", "celery", "-A", "actito_exports", *arguments, "--loglevel=INFO"]
        with (tmp_path / f"celery-{len(running)}.log").open("wb") as log:
            running.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True))
        return running[-1]

    yield celery
    for process in running:
        os.killpg(process.pid, signal.SIGTERM)
    for process in running:
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def flows(table, sshd):
    """Active flows that are due now, to a folder of a real SSH server."""
    server = Server.objects.create(account=table.account, name="ssh", **sshd.fields())
    path, folder = sshd.new_folder()
    location = Location.objects.create(account=table.account, name="daily", server=server, folder=folder, manifest=True)
    location.path = path
    for kind in KINDS:
        flow = Flow.objects.create(profile_table=table, kind=kind, launch_time=clock_time(0), active=True)
        flow.locations.add(location)
    load_clicks(table, 1, 2, 3)
    yesterday = timezone.now() - timedelta(days=1)
    Flow.objects.update(active_since=yesterday, next_launch_at=timezone.now())
    return location


def wait_for(count, folder, tmp_path, seconds=90):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if Delivery.objects.filter(status=Delivery.Status.DELIVERED).count() >= count:
            return
        time.sleep(0.2)
    logs = "\n".join(path.read_text()[-3000:] for path in tmp_path.glob("celery-*.log"))
    pytest.fail(f"{sorted(folder.iterdir())}\n{list(Run.objects.values('status', 'error'))}\n{logs}")


@pytest.fixture(params=["redis", "folder"])
def broker(request):
    return request.getfixturevalue("redis_url") if request.param == "redis" else "filesystem://"


@pytest.mark.timeout(180)
def test_beat_and_workers_alone_generate_and_deliver(broker, flows, start, tmp_path):
    """With two beats, which send everything twice: still one run per flow and day."""
    _periodic_tasks()
    start(broker, "worker", "--concurrency=2")
    for number in range(2):
        start(broker, "beat", f"--pidfile={tmp_path}/beat-{number}.pid")
    wait_for(len(KINDS), flows.path, tmp_path)
    assert Run.objects.count() == len(KINDS)
    assert Run.objects.filter(purpose=Run.Purpose.SCHEDULED, status=Run.Status.DONE, attempt=1).count() == len(KINDS)
    assert sorted(path.name for path in flows.path.glob("*.zip")) == sorted(Run.objects.values_list("file_name", flat=True))
    assert verify.main([str(flows.path)]) == 0
    assert 0 <= tick_age() < 60


@pytest.mark.timeout(180)
def test_a_worker_goes_on_when_its_idle_processes_are_killed(broker, flows, start, tmp_path):
    """Each waits for a task when it is killed; on the folder broker one of them holds what the others wait for."""
    _periodic_tasks()
    worker = start(broker, "worker", "--concurrency=2")
    for _ in range(2):
        pool = _pool_of(worker, tmp_path)
        os.kill(pool[0], signal.SIGKILL)
        while pool[0] in _pool_of(worker, tmp_path):
            time.sleep(0.1)
    start(broker, "beat", f"--pidfile={tmp_path}/beat.pid")
    wait_for(len(KINDS), flows.path, tmp_path)


@pytest.mark.timeout(180)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no connections to drop")
def test_a_worker_goes_on_when_the_database_has_dropped_its_connections(redis_url, flows, start, tmp_path):
    """Processes keep theirs from task to task; a broken one is noticed before a run is claimed."""
    _periodic_tasks()
    start(redis_url, "worker", "--concurrency=2")
    start(redis_url, "beat", f"--pidfile={tmp_path}/beat.pid")
    wait_for(len(KINDS), flows.path, tmp_path)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        assert cursor.rowcount >= 2
    for flow in Flow.objects.all():
        schedule.open_manual(flow)
    wait_for(2 * len(KINDS), flows.path, tmp_path, seconds=60)


def _pool_of(worker, tmp_path) -> list[int]:
    """The worker's two pool processes, oldest first, once both wait for a task: asleep, and without having worked for a second."""
    quiet, before = 0, None
    while quiet < 10:
        time.sleep(0.1)
        ready = b"ready." in (tmp_path / "celery-0.log").read_bytes()
        pool = sorted(descendants(worker.pid)[1:])
        now = [_state(pid) for pid in pool]
        still = ready and len(pool) == 2 and now == before and all(state == "S" for state, *_ in now)
        quiet, before = quiet + 1 if still else 0, now
    return pool


def _state(pid: int) -> tuple[str, str, str]:
    """The letter of its state, and the processor time used in user and system mode; see proc(5)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return ("gone", "", "")
    return fields[0], fields[11], fields[12]


def _periodic_tasks() -> None:
    """The tasks of the migration, which emptying the tables between tests takes away, every two seconds."""
    import_module("flows.migrations.0002_periodic_tasks").forwards(apps, None)
    IntervalSchedule.objects.update(every=2, period="seconds")
    assert PeriodicTask.objects.count() >= 4
