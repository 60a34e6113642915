"""Stored, in files, delivered: the same number for each flow and day, and every seeded difference found."""

import json
from datetime import UTC, datetime
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command

from flows import pipeline, reruns
from flows.models import Delivery, Flow, Run
from flows.reconciliation import reconcile
from interactions import position
from interactions.models import EmailEvent
from transfers.models import Location, Server

from .conftest import load_clicks, run_now

DAY = "2026-11-23"


@pytest.fixture
def flow(flow):
    """The shared flow, with a location that nothing is sent to in these tests."""
    server = Server.objects.create(account=flow.account, name="sftp", host="sftp.acme.test", username="actito")
    flow.locations.add(Location.objects.create(account=flow.account, name="daily", server=server))
    return flow


@pytest.fixture
def clock():
    with time_machine.travel(datetime(2026, 11, 23, 11, tzinfo=UTC), tick=False) as clock:
        yield clock


@pytest.fixture
def two_days(flow, table, clock):
    """Two delivered files, of two and of three events, on two days."""
    runs = []
    for day, profiles in ((23, (1, 2)), (24, (3, 4, 5))):
        clock.move_to(datetime(2026, 11, day, 11, tzinfo=UTC))
        load_clicks(table, *profiles)
        runs.append(run_now(flow))
    Delivery.objects.update(status=Delivery.Status.DELIVERED, delivered_at=datetime(2026, 11, 24, 12, tzinfo=UTC))
    return runs


def days(since=None):
    return [(found.day.isoformat(), found.stored, found.rows, found.delivered) for found in reconcile(Flow.objects.all(), since)]


def differences():
    return [sentence for found in reconcile(Flow.objects.all()) for sentence in found.differences]


def test_no_difference(two_days):
    assert days() == [("2026-11-23", 2, 2, 2), ("2026-11-24", 3, 3, 3)]
    assert differences() == []
    assert days(since=datetime(2026, 11, 24, tzinfo=UTC).date()) == [("2026-11-24", 3, 3, 3)]


def test_two_files_of_one_day_are_added_up(flow, table, clock):
    for profile in (1, 2):
        load_clicks(table, profile)
        run_now(flow)
    Delivery.objects.update(status=Delivery.Status.DELIVERED)
    assert days() == [(DAY, 2, 2, 2)]
    assert differences() == []


def test_events_that_no_file_holds_yet_are_no_difference(two_days, table):
    load_clicks(table, 9)
    assert differences() == []


def test_an_event_that_is_gone(two_days):
    EmailEvent.objects.filter(profile_id=4).delete()
    assert days() == [("2026-11-23", 2, 2, 2), ("2026-11-24", 2, 3, 3)]
    assert differences() == [
        f"Run {two_days[1].pk}: 2 events stored in its window, but the file email_click_customers_20261124.zip has 3 rows."
    ]


def test_a_file_with_too_few_rows(two_days):
    Run.objects.filter(pk=two_days[0].pk).update(rows=1)
    assert differences() == [
        f"Run {two_days[0].pk}: 2 events stored in its window, but the file email_click_customers_20261123.zip has 1 row."
    ]


@pytest.mark.parametrize(("status", "words"), [("waiting", "waiting"), ("held", "held until a person acts")])
def test_a_file_that_is_not_delivered(two_days, status, words):
    Delivery.objects.filter(run=two_days[1]).update(status=status, delivered_at=None)
    assert days() == [("2026-11-23", 2, 2, 2), ("2026-11-24", 3, 3, 0)]
    assert differences() == [
        f"Run {two_days[1].pk}: 3 rows of email_click_customers_20261124.zip not delivered to acme/daily ({words})."
    ]


def test_a_file_that_is_delivered_again_and_one_that_need_not_be(two_days):
    Delivery.objects.filter(run=two_days[0]).update(status="waiting")
    Delivery.objects.filter(run=two_days[1]).update(status="cancelled", delivered_at=None)
    assert days() == [("2026-11-23", 2, 2, 2), ("2026-11-24", 3, 3, None)]
    assert differences() == []


def test_windows_that_leave_something_out(two_days, flow, table, clock):
    """A position moved on by hand: the events before it are in no file, although each file holds its window."""
    load_clicks(table, 6)
    clock.move_to(datetime(2026, 11, 25, 11, tzinfo=UTC))
    Flow.objects.update(position=position.current())
    load_clicks(table, 7)
    run = run_now(flow)
    Delivery.objects.update(status=Delivery.Status.DELIVERED)
    assert differences() == [
        f"The window of run {run.pk} does not start where that of run {two_days[1].pk} ended: "
        "events between them are in no file, or in two."
    ]


def test_a_failed_run_whose_events_wait(two_days, flow, table, clock):
    load_clicks(table, 6, 7)
    clock.move_to(datetime(2026, 11, 25, 11, tzinfo=UTC))
    run = run_now(flow)
    Run.objects.filter(pk=run.pk).update(status="failed", rows=None, file_name="", sequence=None)
    Flow.objects.update(position=run.lower, sequence=2)
    Delivery.objects.filter(run=run).delete()
    Delivery.objects.update(status=Delivery.Status.DELIVERED)
    assert days()[-1] == ("2026-11-25", 2, 0, None)
    assert differences() == [f"Run {run.pk}: 2 events stored in its window, but no file has them: files have 0 rows."]
    run_now(flow)
    Delivery.objects.update(status=Delivery.Status.DELIVERED)
    assert days()[-1] == ("2026-11-25", 2, 2, 2)
    assert differences() == []


def test_an_empty_day_and_reruns(two_days, flow, clock):
    Flow.objects.update(when_empty="no_file")
    clock.move_to(datetime(2026, 11, 25, 11, tzinfo=UTC))
    assert run_now(flow).status == "empty"
    assert pipeline.execute(reruns.rebuild(two_days[0]).pk).status == "done"
    assert days() == [("2026-11-23", 2, 2, 2), ("2026-11-24", 3, 3, 3), ("2026-11-25", 0, 0, None)]
    assert differences() == []


def test_windows_of_another_database_are_noted(two_days):
    Run.objects.filter(pk=two_days[0].pk).update(upper="other:1")
    found = next(reconcile(Flow.objects.all()))
    assert (found.stored, found.rows, found.delivered, found.differences) == (None, 2, 2, [])
    assert found.note == "The window was taken on another database cluster, and its events cannot be counted here."
    assert differences() == []


def test_the_command(two_days):
    out, err = StringIO(), StringIO()
    call_command("reconcile", "--json", stdout=out, stderr=err)
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [
        {
            "flow": "acme/customers/email_click",
            "exportDay": f"2026-11-{day}",
            "stored": number,
            "rows": number,
            "delivered": number,
            "differences": [],
            "note": None,
        }
        for day, number in ((23, 2), (24, 3))
    ]
    assert err.getvalue() == ""
    Run.objects.filter(pk=two_days[0].pk).update(rows=1)
    with pytest.raises(SystemExit) as caught:
        call_command("reconcile", "--account", "acme", stdout=out, stderr=err)
    assert caught.value.code == 1
    assert err.getvalue().splitlines() == [
        f"acme/customers/email_click 2026-11-23: Run {two_days[0].pk}: 2 events stored in its window, "
        "but the file email_click_customers_20261123.zip has 1 row.",
        "1 day of flows with a difference.",
    ]
    row = next(line for line in out.getvalue().splitlines() if "2026-11-23 │" in line)
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == ["acme/customers/email_click", "2026-11-23", "2", "1", "1", "yes"]


def test_the_command_looks_at_what_is_asked_for(two_days):
    Run.objects.filter(pk=two_days[0].pk).update(rows=1)
    call_command("reconcile", "--since", "2026-11-24", stdout=StringIO())
    with pytest.raises(SystemExit):
        call_command("reconcile", "--flow", "acme/customers/email_click", stdout=StringIO(), stderr=StringIO())
    with pytest.raises(CommandError, match="There is no account none"):
        call_command("reconcile", "--account", "none")
    with pytest.raises(CommandError, match="There is no flow none"):
        call_command("reconcile", "--flow", "none")
