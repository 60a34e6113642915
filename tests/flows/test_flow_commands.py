"""The commands by which operators run and rerun flows: what they do, what they print, and how they exit."""

import json
import zipfile
from datetime import UTC, datetime, time, timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.utils import timezone

from flows import pipeline, reruns, retention, schedule, verify
from flows.models import Delivery, Flow, Run
from tests.flows.conftest import load_clicks, profiles_of, run_now
from transfers.models import Location, Server

NAME = "acme/customers/email_click"


@pytest.fixture
def location(flow, sshd):
    server = Server.objects.create(account=flow.account, name="ssh", **sshd.fields())
    path, folder = sshd.new_folder()
    location = Location.objects.create(account=flow.account, name="daily", server=server, folder=folder, manifest=True)
    location.path = path
    flow.locations.add(location)
    return location


def command(*arguments):
    """What a command that succeeds prints: one JSON object a line, parsed, where it was asked for."""
    out = StringIO()
    call_command(*arguments, stdout=out)
    printed = out.getvalue()
    return [json.loads(line) for line in printed.splitlines()] if "--json" in arguments else printed


def refused(*arguments, out=None):
    """The sentence and the exit status of a command that fails."""
    with pytest.raises(CommandError) as caught:
        call_command(*arguments, stdout=out or StringIO())
    return str(caught.value), caught.value.returncode


def test_run_flow_executes_and_delivers_in_this_process(flow, table, location):
    load_clicks(table, 1, 2)
    (told,) = command("run_flow", NAME, "--json")
    run = Run.objects.get()
    assert (told["run"], told["flow"], told["status"], told["rows"], told["file"]) == (run.pk, NAME, "done", 2, run.file_name)
    assert told["sha256"] == run.archive_sha256
    assert [entry["status"] for entry in told["deliveries"]] == ["delivered"]
    assert verify.main([str(location.path)]) == 0
    assert "email_click_customers" in command("run_flow", NAME)


def test_run_flow_fails_when_a_delivery_fails_and_goes_on_by_the_schedule(flow, table, location):
    Server.objects.update(port=1)
    load_clicks(table, 1)
    out = StringIO()
    sentence, code = refused("run_flow", NAME, "--json", out=out)
    assert code == 1
    assert "acme/daily: " in sentence
    assert "127.0.0.1" in sentence
    (told,) = [json.loads(line) for line in out.getvalue().splitlines()]
    assert (told["status"], told["deliveries"][0]["status"]) == ("done", "waiting")
    assert Delivery.objects.get().next_attempt_at > timezone.now()


def test_run_flow_by_account_and_kind(flow, table):
    Flow.objects.create(profile_table=table, kind="email_sent", launch_time=time(2), active=True)
    Flow.objects.create(profile_table=table, kind="sms_sent", launch_time=time(2), active=False)
    assert len(command("run_flow", "--all", "--json")) == 2
    assert len(command("run_flow", "--account", "acme", "--json")) == 2
    (told,) = command("run_flow", "--account", "acme", "--kind", "email_sent", "--json")
    assert told["flow"] == "acme/customers/email_sent"


@pytest.mark.parametrize(
    ("arguments", "sentence", "code"),
    [
        ([], "Name flows, or give --all", 2),
        (["--all", NAME], "Name flows, or give --all", 2),
        (["--kind", "email_click"], "Name flows, or give --all", 2),
        (["acme/customers/nothing"], "There is no flow acme/customers/nothing", 1),
        (["acme"], "There is no flow acme. A flow is written account/table/kind.", 1),
        (["--account", "nobody"], "No active flow matches.", 1),
        (["acme/customers/email_sent"], "has never been activated", 1),
    ],
)
def test_run_flow_refuses_what_names_no_flow(flow, table, arguments, sentence, code):
    Flow.objects.create(profile_table=table, kind="email_sent", launch_time=time(2))
    told, returned = refused("run_flow", *arguments)
    assert sentence in told
    assert returned == code
    assert Run.objects.count() == 0


def test_rerun_delivers_again_rebuilds_and_tries_again(flow, table, location):
    load_clicks(table, 1)
    command("run_flow", NAME)
    run = Run.objects.get()
    (location.path / run.file_name).unlink()
    (told,) = command("rerun", str(run.pk), "--deliver", "--json")
    assert told["deliveries"][0]["status"] == "delivered"
    assert (location.path / run.file_name).exists()
    (told,) = command("rerun", str(run.pk), "--rebuild", "--json")
    assert told["file"] == run.file_name.replace(".zip", "_r2.zip")
    assert (location.path / told["file"]).exists()
    assert refused("rerun", "999") == ("There is no run 999. `manage.py runs` lists them.", 1)
    assert refused("rerun")[1] == 2
    Run.objects.filter(pk=run.pk).update(archive="")
    assert "no longer kept" in refused("rerun", str(run.pk))[0]


def test_rerun_failed_takes_up_what_failed_since_a_day(flow, table, location):
    port = location.server.port
    Server.objects.update(port=1)
    load_clicks(table, 1)
    refused("run_flow", NAME)
    failed = schedule.open_manual(flow)
    Run.objects.filter(pk=failed.pk).update(status=Run.Status.FAILED)
    Server.objects.update(port=port)
    assert command("rerun", "--failed", "--since", "2030-01-01", "--json") == []
    told = command("rerun", "--failed", "--json")
    assert sorted((entry["status"], entry["deliveries"][0]["status"]) for entry in told) == [("done", "delivered")] * 2


@time_machine.travel("2026-11-23T11:00:00Z", tick=False)
def test_export_range_writes_the_events_of_the_range(flow, table, location, tmp_path):
    load_clicks(table, 1)  # 20 November, 11:00 in Brussels
    target = tmp_path / "range.zip"
    bounds = ["--from", "2026-11-20T11:00:00", "--to", "2026-11-20T11:00:01"]
    (told,) = command("export_range", NAME, *bounds, "--output", str(target), "--json")
    assert (told["rows"], told["deliveries"], told["sequence"]) == (1, [], None)
    with zipfile.ZipFile(target) as archive:
        assert archive.read(archive.namelist()[0]).count(b"\n") == 2
    assert list(location.path.iterdir()) == []
    command("export_range", NAME, *bounds)
    assert len(list(location.path.iterdir())) == 2
    assert "ends before it starts" in refused("export_range", NAME, "--from", "2026-11-20", "--to", "2026-11-19")[0]
    assert "lies in the future" in refused("export_range", NAME, "--from", "2027-01-01", "--to", "2027-01-02")[0]
    sentence = refused("export_range", NAME, *bounds, "--output", str(tmp_path / "no" / "such.zip"))[0]
    assert sentence == f"{tmp_path / 'no' / 'such.zip'} cannot be written: No such file or directory."
    flow.refresh_from_db()
    assert flow.sequence == 0


def test_tick_opens_what_is_due(flow):
    Flow.objects.update(next_launch_at=timezone.now() - timedelta(minutes=1), active_since=datetime(2026, 1, 1, tzinfo=UTC))
    call_command("tick")
    assert Run.objects.get().purpose == Run.Purpose.SCHEDULED


# --- Retention ---


def test_purge_keeps_what_is_young_or_undelivered(flow, table, location, tmp_path):
    old = [run_now(flow) for _ in range(2)]
    Delivery.objects.filter(run=old[0]).update(status=Delivery.Status.DELIVERED, delivered_at=timezone.now())
    Run.objects.update(finished_at=timezone.now() - timedelta(days=5, seconds=1))
    young = run_now(flow)
    Delivery.objects.filter(run=young).update(status=Delivery.Status.DELIVERED, delivered_at=timezone.now())
    assert command("purge", "--dry-run", "--json") == [{"archives": 1, "hosted": 0, "leftovers": 0}]
    assert command("purge", "--json") == [{"archives": 1, "hosted": 0, "leftovers": 0}]
    runs = {run.pk: run for run in Run.objects.all()}
    assert [bool(runs[run.pk].archive) for run in (*old, young)] == [False, True, True]
    assert runs[old[0].pk].purged_at
    assert runs[old[0].pk].archive_sha256 == old[0].archive_sha256
    assert len(list((tmp_path / "archives").rglob("*.zip"))) == 2


def test_purge_removes_from_hosted_servers_only_what_we_wrote(flow, table, location):
    load_clicks(table, 1)
    command("run_flow", NAME)
    (location.path / "theirs.txt").write_text("not ours")
    Delivery.objects.update(delivered_at=timezone.now() - timedelta(days=6))
    assert retention.purge()["hosted"] == 0
    assert len(list(location.path.iterdir())) == 3
    Server.objects.update(hosted=True)
    assert retention.purge()["hosted"] == 1
    assert [path.name for path in location.path.iterdir()] == ["theirs.txt"]
    assert Delivery.objects.get().removed_at
    assert retention.purge()["hosted"] == 0


def test_purge_removes_the_leftovers_of_dead_workers(flow, settings, tmp_path):
    settings.WORK_DIR.mkdir()
    leftover = settings.WORK_DIR / "run-1-1.zip"
    leftover.write_bytes(b"half")
    assert retention.purge()["leftovers"] == 0
    with time_machine.travel(timezone.now() + timedelta(days=2)):
        assert retention.purge()["leftovers"] == 1
    assert not leftover.exists()


def test_a_purged_run_can_be_rebuilt(flow, table):
    load_clicks(table, 1)
    run = run_now(flow)
    Run.objects.update(finished_at=timezone.now() - timedelta(days=6))
    retention.purge()
    assert profiles_of(pipeline.execute(reruns.rebuild(run).pk)) == [1]
