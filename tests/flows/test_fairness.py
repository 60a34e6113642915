"""How many exports are under way, in all and for an account, at the claim; and the hint when there is room again."""

import time
from datetime import time as clock_time
from datetime import timedelta
from threading import Event, Thread

import pytest
from django.db import connection, transaction
from django.utils import timezone

from actito_exports.celery import app
from flows import claims, pipeline, schedule, tasks
from flows.models import Flow, Run
from tests import factories


def hints():
    """The runs that workers were asked to take since the last look."""
    asked = []
    with app.connection_for_read() as connection, connection.SimpleQueue("celery") as queue:
        while True:
            try:
                message = queue.get_nowait()
            except queue.Empty:
                return asked
            message.ack()
            if message.headers["task"] == "flows.tasks.execute_run":
                asked.append(message.payload[0][0])


def make_flow(table, kind="email_click"):
    return Flow.objects.create(profile_table=table, kind=kind, launch_time=clock_time(2), active=True)


@pytest.fixture
def runs(table):
    """Three runs of one account, then one of another."""
    other = factories.make_table(factories.make_account("globex"), "people")
    flows = [make_flow(table, kind) for kind in ("email_click", "email_opening", "email_sent")] + [make_flow(other)]
    return [schedule.open_manual(flow) for flow in flows]


def test_an_account_has_as_many_exports_under_way_as_it_may(runs, settings):
    settings.EXPORTS_PER_ACCOUNT = 2
    assert [bool(pipeline.claim(run.pk)) for run in runs] == [True, True, False, True]
    assert list(Run.objects.order_by("pk").values_list("status", "attempt")) == [
        ("running", 1), ("running", 1), ("waiting", 0), ("running", 1),
    ]  # fmt: skip


def test_all_accounts_together_have_as_many_exports_under_way_as_they_may(runs, settings):
    settings.EXPORTS_AT_ONCE = 2
    assert [bool(pipeline.claim(run.pk)) for run in runs] == [True, True, False, False]
    # The tighter of the two limits holds.
    settings.EXPORTS_AT_ONCE, settings.EXPORTS_PER_ACCOUNT = 3, 2
    assert [bool(pipeline.claim(run.pk)) for run in runs[2:]] == [False, True]


def test_without_a_limit_all_are_taken(runs):
    assert [bool(pipeline.claim(run.pk)) for run in runs] == [True, True, True, True]


def test_a_dead_worker_s_claim_does_not_count(runs, settings):
    settings.EXPORTS_PER_ACCOUNT = 1
    assert pipeline.claim(runs[0].pk)
    assert pipeline.claim(runs[1].pk) is None
    Run.objects.filter(pk=runs[0].pk).update(lease_until="2020-01-01T00:00:00Z")
    assert pipeline.claim(runs[1].pk)


def test_what_was_held_back_is_asked_for_when_there_is_room(runs, settings):
    settings.EXPORTS_PER_ACCOUNT = 1
    hints()
    tasks.send_hints()
    assert hints() == [runs[0].pk, runs[3].pk]
    held = pipeline.claim(runs[0].pk)
    assert held
    tasks.execute_run(runs[1].pk)
    assert hints() == []
    Run.objects.filter(pk=held.pk).update(status=Run.Status.DONE)
    tasks.execute_run(runs[2].pk)
    assert hints() == [runs[1].pk]
    assert list(Run.objects.order_by("pk").values_list("status", flat=True)) == ["done", "waiting", "done", "waiting"]


def test_room_in_all_goes_to_the_first_whose_account_has_room_too(runs, settings):
    settings.EXPORTS_AT_ONCE, settings.EXPORTS_PER_ACCOUNT = 2, 1
    tasks.send_hints()
    ended, other = pipeline.claim(runs[0].pk), pipeline.claim(runs[3].pk)
    assert ended
    assert other
    for run in runs[1:3]:
        tasks.execute_run(run.pk)
    hints()
    assert claims.choose(9) == []
    Run.objects.filter(pk=ended.pk).update(status=Run.Status.DONE)
    assert claims.choose(9) == [runs[1].pk]
    Run.objects.filter(pk=ended.pk).update(status=Run.Status.RUNNING)
    Run.objects.filter(pk=other.pk).update(status=Run.Status.DONE)
    assert claims.choose(9) == []


def test_what_is_asked_for_takes_its_place_until_the_hint_is_sent_anew(runs, settings):
    settings.EXPORTS_AT_ONCE, settings.EXPORTS_PER_ACCOUNT = 3, 2
    assert claims.choose(9) == [runs[0].pk, runs[1].pk, runs[3].pk]
    assert claims.choose(9) == []
    Run.objects.filter(pk=runs[1].pk).update(queued_at=timezone.now() - claims.HINT_AGAIN)
    assert claims.choose(9) == [runs[1].pk]


def test_no_more_are_asked_for_than_there_may_be_in_all(runs, settings):
    settings.EXPORTS_AT_ONCE = 3
    assert pipeline.claim(runs[3].pk)
    assert [claims.choose(1), claims.choose(9), claims.choose(9)] == [[runs[0].pk], [runs[1].pk], []]


def test_a_run_behind_another_of_its_flow_holds_no_place(runs, settings):
    """The first waits for its next try; until then no worker could take the second."""
    settings.EXPORTS_PER_ACCOUNT = 1
    Run.objects.filter(pk=runs[0].pk).update(next_attempt_at=timezone.now() + timedelta(hours=1))
    behind = schedule.open_manual(runs[0].flow)
    Run.objects.filter(pk=behind.pk).update(next_attempt_at=runs[1].next_attempt_at - timedelta(hours=1))
    assert claims.choose(9) == [runs[1].pk, runs[3].pk]
    Run.objects.filter(pk=runs[1].pk).update(status=Run.Status.DONE)
    Run.objects.filter(pk=runs[0].pk).update(status=Run.Status.DONE)
    assert claims.choose(9) == [behind.pk]


def test_a_run_that_is_just_being_held_back_is_waited_for(runs, settings):
    """Between the look at the exports under way and the commit, the last of them may end: its worker asks for the run then."""
    settings.EXPORTS_AT_ONCE = 1
    Run.objects.filter(pk=runs[0].pk).update(queued_at=timezone.now())
    Run.objects.exclude(pk=runs[0].pk).update(status=Run.Status.DONE)
    holding = Event()

    def hold_back():
        try:
            with transaction.atomic():
                claims._one_at_a_time(None)
                Run.objects.filter(pk=runs[0].pk).update(queued_at=None)
                holding.set()
                time.sleep(0.5)
        finally:
            connection.close()

    thread = Thread(target=hold_back)
    thread.start()
    assert holding.wait(10)
    found = claims.choose(1)
    thread.join()
    assert found == [runs[0].pk]


def test_of_claims_at_the_same_moment_no_more_get_through(runs, settings):
    settings.EXPORTS_AT_ONCE = 2
    taken = []

    def take(run):
        try:
            taken.append(pipeline.claim(run.pk))
        finally:
            connection.close()

    threads = [Thread(target=take, args=[run]) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(taken), sum(run is not None for run in taken)] == [4, 2]
