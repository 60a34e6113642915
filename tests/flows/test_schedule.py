"""When flows are due: time zones, changes of clocks, edits during the day, several beats at once."""

import threading
import zoneinfo
from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine
from django.db import close_old_connections, connection

from accounts.models import Account, ProfileTable
from flows import schedule
from flows.errors import FlowError
from flows.models import Flow, Run

BRUSSELS = zoneinfo.ZoneInfo("Europe/Brussels")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def table(db):
    account = Account.objects.create(name="acme", label="Acme", time_zone="Europe/Brussels")
    return ProfileTable.objects.create(account=account, name="customers")


def make_flow(table, kind="email_click", launch_time=time(2, 0), active=True):
    return Flow.objects.create(profile_table=table, kind=kind, launch_time=launch_time, active=active)


def days(flow):
    return list(Run.objects.filter(flow=flow).order_by("export_day").values_list("export_day", flat=True))


@pytest.mark.parametrize(
    ("day", "wall", "zone", "expected"),
    [
        (date(2026, 11, 23), time(2, 0), "Europe/Brussels", "2026-11-23T01:00:00"),
        # Left out by the change to summer time: forward by the gap, to 03:30 summer time.
        (date(2026, 3, 29), time(2, 30), "Europe/Brussels", "2026-03-29T01:30:00"),
        # Twice on the day of the change back: the first.
        (date(2026, 10, 25), time(2, 30), "Europe/Brussels", "2026-10-25T00:30:00"),
        (date(2026, 3, 8), time(2, 30), "America/New_York", "2026-03-08T07:30:00"),
        (date(2026, 11, 1), time(1, 30), "America/New_York", "2026-11-01T05:30:00"),
        # A gap of half an hour.
        (date(2026, 10, 4), time(2, 15), "Australia/Lord_Howe", "2026-10-03T15:45:00"),
        # A day that never was: Apia skipped 30 December 2011.
        (date(2011, 12, 30), time(2, 0), "Pacific/Apia", "2011-12-30T12:00:00"),
        (date(2026, 6, 1), time(0, 0), "Asia/Kathmandu", "2026-05-31T18:15:00"),
    ],
)
def test_the_launch_moment_of_a_day(day, wall, zone, expected):
    assert schedule.launch_moment(day, wall, zoneinfo.ZoneInfo(zone)) == at(expected)


@pytest.mark.parametrize("wall", [time(0, 0), time(2, 30), time(23, 59)])
def test_in_every_zone_each_day_of_a_year_is_due_once_and_in_order(wall):
    for name in sorted(zoneinfo.available_timezones()):
        zone = zoneinfo.ZoneInfo(name)
        first = date(2026, 1, 1)
        moments = [schedule.launch_moment(first + timedelta(days=n), wall, zone) for n in range(366)]
        assert moments == sorted(set(moments)), name
        for number in (0, 87, 88, 297, 365):
            # At the moment itself, and up to the next, the newest day is this one.
            assert schedule.newest_day(moments[number], wall, zone) == first + timedelta(days=number), name
        assert schedule.newest_day(moments[100] - timedelta(seconds=1), wall, zone) == first + timedelta(days=99), name


def test_a_run_is_opened_at_the_launch_moment_and_once(table):
    with time_machine.travel("2026-11-22T12:00:00Z", tick=False):
        flow = make_flow(table)
    assert flow.next_launch_at == at("2026-11-23T01:00:00")
    assert schedule.tick(at("2026-11-23T00:59:59")) == []
    (opened,) = schedule.tick(at("2026-11-23T01:00:00"))
    run = Run.objects.get(pk=opened)
    assert (run.export_day, run.due_at) == (date(2026, 11, 23), at("2026-11-23T01:00:00"))
    assert (run.purpose, run.status) == (Run.Purpose.SCHEDULED, Run.Status.WAITING)
    assert schedule.tick(at("2026-11-23T01:00:00")) == []
    flow.refresh_from_db()
    assert flow.next_launch_at == at("2026-11-24T01:00:00")


def test_after_days_of_downtime_one_run_covers_all(table):
    with time_machine.travel("2026-11-20T12:00:00Z", tick=False):
        flow = make_flow(table)
    assert len(schedule.tick(at("2026-11-24T09:00:00"))) == 1
    assert days(flow) == [date(2026, 11, 24)]


def test_a_flow_activated_after_todays_launch_time_starts_tomorrow(table):
    with time_machine.travel("2026-11-23T01:30:00Z", tick=False):
        flow = make_flow(table)
        assert schedule.tick() == []
    assert flow.next_launch_at == at("2026-11-24T01:00:00")


def test_a_flow_activated_before_todays_launch_time_starts_today(table):
    with time_machine.travel("2026-11-23T00:30:00Z", tick=False):
        assert make_flow(table).next_launch_at == at("2026-11-23T01:00:00")


@pytest.mark.parametrize(
    ("edited_at", "launch_time", "expected_days", "next_launch_at"),
    [
        # Before the run: to later today, to an hour that has passed already.
        ("2026-11-23T00:30:00", time(10, 0), [22], "2026-11-23T09:00:00"),
        ("2026-11-23T00:30:00", time(1, 0), [22, 23], "2026-11-24T00:00:00"),
        # After the run: today's slot is taken, whatever the time.
        ("2026-11-23T08:00:00", time(10, 0), [22, 23], "2026-11-24T09:00:00"),
        ("2026-11-23T08:00:00", time(8, 30), [22, 23], "2026-11-24T07:30:00"),
    ],
)
def test_a_launch_time_edited_during_the_day(table, edited_at, launch_time, expected_days, next_launch_at):
    with time_machine.travel("2026-11-21T12:00:00Z", tick=False) as clock:
        flow = make_flow(table)
        clock.move_to("2026-11-22T01:00:00Z")
        schedule.tick()
        clock.move_to(at(edited_at))
        schedule.tick()
        flow.refresh_from_db()
        flow.launch_time = launch_time
        flow.save()
        schedule.tick()
        flow.refresh_from_db()
    assert [day.day for day in days(flow)] == expected_days
    assert flow.next_launch_at == at(next_launch_at)


def test_a_new_time_zone_of_the_account_moves_the_launch(table):
    with time_machine.travel("2026-11-23T12:00:00Z", tick=False):
        flow = make_flow(table)
        table.account.time_zone = "Asia/Tokyo"
        table.account.save()
        flow.refresh_from_db()
    # 02:00 in Tokyo on the 24th; the 23rd was over there when the flow was activated.
    assert flow.next_launch_at == at("2026-11-23T17:00:00")


def test_spread_flows_start_in_turn_and_each_in_its_own_minute(table, settings):
    """The launch time stays what it is; only the workers are asked later."""
    settings.LAUNCH_SPREAD_MINUTES = 3
    with time_machine.travel(at("2026-11-22T12:00:00"), tick=False):
        flows = [make_flow(table, kind) for kind in ("email_click", "email_sent", "email_opening", "sms_sent")]
    starts = []
    for day in ("23", "24"):
        with time_machine.travel(at(f"2026-11-{day}T01:02:00"), tick=False):
            schedule.tick()
        found = Run.objects.filter(export_day=f"2026-11-{day}").order_by("flow_id")
        assert {run.due_at for run in found} == {at(f"2026-11-{day}T01:00:00")}
        starts.append([(run.next_attempt_at - run.due_at) // timedelta(minutes=1) for run in found])
        found.update(status=Run.Status.DONE)
    assert starts[0] == starts[1] == [flow.pk % 3 for flow in flows]
    assert set(starts[0]) == {0, 1, 2}


def test_clocks_that_step_back_open_no_second_run(table):
    with time_machine.travel("2026-11-22T12:00:00Z", tick=False):
        flow = make_flow(table)
    assert len(schedule.tick(at("2026-11-23T01:00:30"))) == 1
    assert schedule.tick(at("2026-11-23T00:58:00")) == []
    assert schedule.tick(at("2026-11-23T01:00:30")) == []
    Flow.objects.update(next_launch_at=at("2026-11-23T01:00:00"))  # what a lost update would leave
    assert schedule.tick(at("2026-11-23T01:00:30")) == []
    assert days(flow) == [date(2026, 11, 23)]


def test_an_inactive_flow_is_never_due(table):
    with time_machine.travel("2026-11-20T12:00:00Z", tick=False) as clock:
        flow = make_flow(table)
        clock.move_to("2026-11-21T12:00:00Z")
        flow.active = False
        flow.save()
        assert flow.next_launch_at is None
        clock.move_to("2026-11-25T12:00:00Z")
        assert schedule.tick() == []


def test_run_now_is_refused_for_a_flow_that_was_never_activated(table):
    flow = make_flow(table, active=False)
    with pytest.raises(FlowError, match="acme/customers/email_click has never been activated"):
        schedule.open_manual(flow)
    assert Run.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_ticks_at_the_same_time_open_one_run_per_flow_and_day():
    account = Account.objects.create(name="acme", label="Acme")
    table = ProfileTable.objects.create(account=account, name="customers")
    kinds = ["email_click", "email_sent", "sms_sent", "goal_webvisit"]
    with time_machine.travel("2026-11-22T12:00:00Z", tick=False):
        for kind in kinds:
            make_flow(table, kind)
    opened, barrier = [], threading.Barrier(4)

    def beat() -> None:
        close_old_connections()
        try:
            barrier.wait()
            opened.extend(schedule.tick(at("2026-11-23T02:00:00")))
        finally:
            connection.close()

    threads = [threading.Thread(target=beat) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Run.objects.count() == len(kinds)
    assert set(opened) == set(Run.objects.values_list("pk", flat=True))
