"""A pause keeps the days apart; resuming gives one file, one a day, or none, and the history says which."""

from datetime import UTC, datetime

import pytest
import time_machine

from flows import pausing, pipeline, schedule
from flows.errors import FlowError
from flows.models import Flow, Run
from flows.pausing import Missed, Resume
from flows.reconciliation import reconcile
from tests.flows.conftest import load_clicks, profiles_of, run_now


def at(day, hour=12):
    return datetime(2026, 11, day, hour, tzinfo=UTC)


@pytest.fixture
def paused(flow, table):
    """A flow paused on 20 November, with events on three days of the pause; today is the 23rd."""
    with time_machine.travel(at(20), tick=False) as clock:
        Flow.objects.update(active_since=at(20), next_launch_at=at(21, 1))
        load_clicks(table, 1)
        run_now(flow)
        pausing.pause(flow)
        for day, profiles in ((21, [2]), (22, [3, 4]), (23, [])):
            if profiles:
                load_clicks(table, *profiles)
            clock.move_to(at(day))
            schedule.tick()
        load_clicks(table, 5)
        clock.move_to(at(23, 13))
        flow.refresh_from_db()
        yield flow


def after(flow, runs):
    """The files of the given runs and of the next one."""
    made = [pipeline.execute(run.pk) for run in runs]
    return [profiles_of(run) for run in [*made, run_now(flow)]]


def days(status):
    return [run.export_day.day for run in Run.objects.filter(status=status).order_by("pk")]


def test_a_pause_records_each_missed_day_and_makes_no_file(paused):
    assert days(Run.Status.PAUSED) == [21, 22, 23]
    assert pausing.missed(paused) == [
        Missed(at(21).date(), 1),
        Missed(at(22).date(), 2),
        Missed(at(23).date(), 0),
        Missed(None, 1),
    ]
    with pytest.raises(FlowError, match="is paused since 2026-11-20 12:00 UTC"):
        schedule.open_manual(paused)
    with pytest.raises(FlowError, match="is paused already"):
        pausing.pause(paused)


def test_resumed_with_one_file(paused):
    assert after(paused, pausing.resume(paused, Resume.TOGETHER)) == [[2, 3, 4, 5], []]
    assert days(Run.Status.COVERED) == [21, 22, 23]


def test_resumed_with_one_file_for_each_missed_day(paused):
    runs = pausing.resume(paused, Resume.PER_DAY)
    assert after(paused, runs) == [[2], [3, 4], [], [5]]
    assert [Run.objects.get(pk=run.pk).file_name[-12:] for run in runs] == ["20261121.zip", "20261122.zip", "20261123.zip"]
    chain = Run.objects.filter(sequence__isnull=False).order_by("sequence")
    assert [run.lower for run in chain][1:] == [run.upper for run in chain][:-1]


def test_resumed_without_what_came_in_meanwhile(paused, table):
    assert pausing.resume(paused, Resume.SKIP) == []
    load_clicks(table, 6)
    assert after(paused, []) == [[6]]
    assert days(Run.Status.SKIPPED) == [21, 22, 23, 23]
    assert Run.objects.filter(status=Run.Status.SKIPPED).order_by("pk").last().rows == 4
    # Left out by decision, not lost: told, and no difference.
    told = list(reconcile(Flow.objects.all()))
    assert [day.differences for day in told] == [[], []]
    assert told[-1].note == "4 events were left out by decision when the flow was resumed."


def test_what_is_not_paused_cannot_be_resumed(flow):
    with pytest.raises(FlowError, match="is not paused"):
        pausing.resume(flow, Resume.TOGETHER)


def test_a_saved_form_does_not_end_a_pause(paused, flow):
    stale = Flow.objects.get(pk=paused.pk)
    stale.paused_at = None
    stale.save()
    paused.refresh_from_db()
    assert paused.paused_at == at(20)
