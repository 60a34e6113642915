"""kill -9 of a real worker process in every phase, and one that freezes beyond its lease: no event lost, none doubled.

A worker process of its own is struck at a boundary (see `struck_worker`); then this process takes the work up, as another
worker would, once the lease has run out. The clock is the only thing patched here.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from flows import delivery, pipeline, recovery, schedule, verify
from flows.models import Delivery, Run
from tests import factories
from tests.flows.conftest import profiles_of, run_now
from tests.flows.struck_worker import BOUNDARIES
from transfers.models import Location, Server

ROOT = Path(__file__).resolve().parents[2]
# Enough for several blocks of rows, of compression and of upload: about 2.3 MiB that hardly compress.
ROWS = 12_000
LEASE = 3

RUN_BOUNDARIES = list(BOUNDARIES)[:8]
DELIVERY_BOUNDARIES = list(BOUNDARIES)[8:]
# What a server has to do with is killed on both; the rest does not depend on the protocol.
DELIVERY_KILLS = [("sshd", boundary) for boundary in DELIVERY_BOUNDARIES] + [
    ("vsftpd", boundary) for boundary in DELIVERY_BOUNDARIES[2:7]
]


@pytest.fixture(autouse=True)
def short_lease(settings):
    settings.LEASE_SECONDS = LEASE
    settings.TRANSFER_TIMEOUT = 5


def load_many(table, first=0, count=ROWS):
    header = ["profileId", "campaignId", "clickMoment", "linkName", "url"]
    rows = [
        [str(number), None, "2026-11-20T10:00:00Z", "a link", secrets.token_urlsafe(110)]
        for number in range(first, first + count)
    ]
    own = [column.header for column in factories.KINDS["email_click"].columns if column.table.value == "e"][1:]
    lines = [[dict(zip(header, row, strict=True)).get(name) for name in own] for row in rows]
    assert factories.load_csv("email_click", table, factories.csv_bytes(own, lines)) == count


def environment(tmp_path):
    """What a worker process on this machine reads: the test's own database and folders."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        url = f"sqlite:///{database['NAME']}"
    else:
        login = f"{database['USER']}:{database['PASSWORD']}" if database["PASSWORD"] else database["USER"]
        url = f"postgresql://{login}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "actito_exports.settings",
        "DATABASE_URL": url,
        "ARCHIVE_STORAGE_URL": f"file://{tmp_path / 'archives'}",
        "WORK_DIR": str(tmp_path / "work"),
        "LEASE_SECONDS": str(LEASE),
        "TRANSFER_TIMEOUT": "5",
    }


@contextmanager
def worker(tmp_path, boundary, number, sort, pk):
    connection.close()
    command = [sys.executable, "-m", "tests.flows.struck_worker", boundary, number.name, sort, str(pk)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(tmp_path), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def killed(tmp_path, boundary, sort, pk):
    """Runs a worker that is killed at the boundary, and makes sure that it was."""
    with worker(tmp_path, boundary, signal.SIGKILL, sort, pk) as process:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL, output.decode()


@contextmanager
def frozen(tmp_path, boundary, sort, pk, seconds=LEASE + 0.5):
    """A worker that is stopped at the boundary, for longer than its lease unless told otherwise, and goes on after the block."""
    with worker(tmp_path, boundary, signal.SIGSTOP, sort, pk) as process:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), process.stdout.read().decode()
        time.sleep(seconds)
        yield
        process.send_signal(signal.SIGCONT)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output.decode()


@contextmanager
def after_the_lease():
    with time_machine.travel(timezone.now() + timedelta(seconds=LEASE + 1)):
        recovery.recover()
        yield


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) if folder.exists() else []


# --- The making of the file ---


@pytest.mark.parametrize("boundary", RUN_BOUNDARIES)
def test_a_worker_killed_while_making_the_file_loses_and_doubles_nothing(flow, table, tmp_path, boundary):
    """Fails in some phase without the stored window, `archives.discard`, the transaction of the record, or recovery."""
    load_many(table)
    run = schedule.open_manual(flow)
    killed(tmp_path, boundary, "run", run.pk)
    run.refresh_from_db()
    window = run.upper
    recorded = boundary == "after the record"
    assert run.status == {RUN_BOUNDARIES[0]: Run.Status.WAITING, RUN_BOUNDARIES[-1]: Run.Status.DONE}.get(
        boundary, Run.Status.RUNNING
    )
    load_many(table, first=ROWS, count=5)  # committed between the death and the next try
    with after_the_lease():
        again = pipeline.execute(run.pk)
    assert (again is None) == recorded
    run.refresh_from_db()
    second = run_now(flow)
    early = ROWS if window else ROWS + 5  # a window once stored is kept; without one the next try takes its own
    assert (run.status, run.rows, run.error) == (Run.Status.DONE, early, "")
    assert run.attempt == (1 if boundary in (RUN_BOUNDARIES[0], RUN_BOUNDARIES[-1]) else 2)
    assert profiles_of(run) + profiles_of(second) == list(range(ROWS + 5))
    assert (second.sequence, second.lower, second.previous_id) == (2, run.upper, run.pk)
    assert files(tmp_path / "archives") == sorted([run.archive, second.archive])
    assert files(tmp_path / "work") == []


def test_a_worker_frozen_before_storing_records_nothing_when_it_goes_on(flow, table, tmp_path):
    """Fails without the attempt's number in every write."""
    load_many(table)
    run = schedule.open_manual(flow)
    with frozen(tmp_path, "after the writing", "run", run.pk):
        with after_the_lease():
            quick = pipeline.execute(run.pk)
        before = Run.objects.values().get()
    assert quick.attempt == 2
    assert Run.objects.values().get() == before
    flow.refresh_from_db()
    assert (flow.sequence, flow.position) == (1, quick.upper)
    assert profiles_of(quick) == list(range(ROWS))
    assert files(tmp_path / "archives") == [quick.archive]
    assert files(tmp_path / "work") == []


# --- The delivery ---


@pytest.fixture(params=["sshd", "vsftpd"])
def location(request, flow):
    """The flow's location on a real server, with every companion; `path` is its folder on this machine."""
    running = request.getfixturevalue(request.param)
    server = Server.objects.create(account=flow.account, name=request.param, **running.fields())
    path, folder = running.new_folder()
    location = Location.objects.create(
        account=flow.account, name="daily", server=server, folder=folder, manifest=True, checksum=True, ready=True
    )
    location.path = path
    flow.locations.add(location)
    return location


def delivered(run):
    return sorted(run.file_name + ending for ending in ("", ".manifest.json", ".ready", ".sha256"))


def whole(location, tmp_path, *runs):
    """No file under a final name that is not the stored one to the byte; nothing else beside them."""
    assert files(location.path) == sorted(name for run in runs for name in delivered(run))
    for run in runs:
        assert (location.path / run.file_name).read_bytes() == (tmp_path / "archives" / run.archive).read_bytes()
    assert verify.main([str(location.path)]) == 0


@pytest.mark.parametrize(("location", "boundary"), DELIVERY_KILLS, indirect=["location"])
def test_a_worker_killed_while_delivering_leaves_no_half_file(flow, table, location, tmp_path, boundary):
    """Fails in some phase without the temporary name, the removal of a dead try's leftover, or recovery."""
    load_many(table)
    run = run_now(flow)
    killed(tmp_path, boundary, "server", location.server_id)
    there = location.path / run.file_name
    assert there.exists() == (boundary in DELIVERY_BOUNDARIES[6:])
    if there.exists():
        assert there.read_bytes() == (tmp_path / "archives" / run.archive).read_bytes()
    assert (location.path / f".{run.file_name}.part").exists() == (boundary in DELIVERY_BOUNDARIES[2:6])
    load_many(table, first=ROWS, count=5)
    second = run_now(flow)
    with after_the_lease():
        assert delivery.deliver_waiting(location.server_id) == 2
    sent = Delivery.objects.get(run=run)
    assert (sent.status, sent.attempt, sent.error) == (
        Delivery.Status.DELIVERED,
        1 if boundary == DELIVERY_BOUNDARIES[0] else 2,
        "",
    )
    assert sent.size_verified is True
    whole(location, tmp_path, run, second)


def test_a_worker_frozen_before_the_rename_does_not_take_away_what_another_delivered(flow, table, location, tmp_path):
    """Fails when a rename that finds no temporary file makes room by removing the file that is there."""
    load_many(table)
    run = run_now(flow)
    with frozen(tmp_path, "between upload and rename", "server", location.server_id), after_the_lease():
        assert delivery.deliver_waiting(location.server_id) == 1
    sent = Delivery.objects.get()
    assert (sent.status, sent.attempt) == (Delivery.Status.DELIVERED, 2)
    whole(location, tmp_path, run)


@pytest.mark.parametrize("seconds", [LEASE + 0.5, 0], ids=["beyond its lease", "while a clock is set forward"])
def test_a_worker_frozen_before_the_rename_does_not_rename_the_half_file_of_another(flow, table, location, tmp_path, seconds):
    """Fails when the claim is not looked up in the database once more between the size check and the rename."""
    load_many(table)
    run = run_now(flow)
    half = location.path / f".{run.file_name}.part"
    with frozen(tmp_path, "after the size check", "server", location.server_id, seconds):
        with after_the_lease():
            assert delivery.claim(location.server_id).attempt == 2
        half.write_bytes(half.read_bytes()[:1000])  # as far as the other worker has come
    assert not (location.path / run.file_name).exists()
    with time_machine.travel(timezone.now() + timedelta(seconds=2 * LEASE + 2)):
        recovery.recover()
        assert delivery.deliver_waiting(location.server_id) == 1
    whole(location, tmp_path, run)
