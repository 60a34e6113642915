"""A backfill is one request: a file a day or one for all, with progress, cancelled without leaving anything half."""

from datetime import date

import pytest
import time_machine

from flows import backfill, pipeline
from flows.errors import FlowError
from flows.models import Backfill, Delivery, Flow, Run
from tests import factories
from tests.flows.conftest import profiles_of, run_now
from transfers.models import Location, Server

NOW = "2026-11-23T11:00:00Z"


@pytest.fixture
def events(flow, table):
    """Events on the evening of the 19th, on the 20th and on the 22nd, in Brussels; their file is made already."""
    moments = {1: "2026-11-19T22:59:59Z", 2: "2026-11-19T23:00:00Z", 3: "2026-11-20T12:00:00Z", 4: "2026-11-22T12:00:00Z"}
    lines = [{"profileId": str(number), "clickMoment": moment} for number, moment in moments.items()]
    factories.load_lines("email_click", table, *lines)
    run_now(flow)
    return flow


def made(asked):
    return [profiles_of(pipeline.execute(run.pk)) for run in asked.runs.order_by("pk")]


@time_machine.travel(NOW, tick=False)
def test_one_file_a_day_of_the_accounts_zone(events):
    before = Flow.objects.get()
    asked = backfill.request(events, date(2026, 11, 19), date(2026, 11, 22), per_day=True, asked_by="kim")
    assert backfill.progress(asked) == (0, 4)
    assert made(asked) == [[1], [2, 3], [], [4]]
    assert backfill.progress(asked) == (4, 4)
    after = Flow.objects.get()
    assert (after.position, after.sequence) == (before.position, before.sequence)


@time_machine.travel(NOW, tick=False)
def test_one_file_for_all_days(events):
    assert made(backfill.request(events, date(2026, 11, 20), date(2026, 11, 22), per_day=False)) == [[2, 3, 4]]


@time_machine.travel(NOW, tick=False)
def test_a_cancelled_backfill_begins_nothing_more(events):
    portal = Server.objects.create(account=events.account, name="portal", protocol="portal")
    events.locations.add(Location.objects.create(account=events.account, name="portal", server=portal))
    asked = backfill.request(events, date(2026, 11, 19), date(2026, 11, 22), per_day=True)
    first, second, *rest = asked.runs.order_by("pk")
    pipeline.execute(first.pk)
    pipeline.claim(second.pk)
    assert backfill.cancel(asked) == 2
    assert Delivery.objects.get(run=first).status == Delivery.Status.CANCELLED
    assert [Run.objects.get(pk=run.pk).status for run in (first, second, *rest)] == ["done", "running", "cancelled", "cancelled"]
    assert [pipeline.execute(run.pk) for run in rest] == [None, None]
    assert Backfill.objects.get().cancelled_at


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize(
    ("first", "last", "sentence"),
    [
        (date(2026, 11, 20), date(2026, 11, 19), "lies before the first"),
        (date(2026, 11, 20), date(2026, 11, 24), "lies in the future"),
        (date(2020, 1, 1), date(2026, 1, 1), "2193 days are too many"),
    ],
)
def test_days_that_make_no_sense_are_refused(flow, first, last, sentence):
    with pytest.raises(FlowError, match=sentence):
        backfill.request(flow, first, last, per_day=True)
    assert (Backfill.objects.count(), Run.objects.count()) == (0, 0)
