"""From a waiting run to a stored archive: windows that meet, records that are true, and faults that leave nothing behind."""

import hashlib
import json
import threading
import zipfile
from datetime import UTC, datetime, time, timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from flows import pipeline, recovery, reruns, schedule
from flows.errors import FlowError
from flows.models import Flow, Run
from tests.flows.conftest import load_clicks, profiles_of, rows_of, run_now

NOON = "2026-11-23T11:00:00Z"


def stored(tmp_path):
    return [path for path in (tmp_path / "archives").rglob("*") if path.is_file()]


def unfinished(tmp_path):
    return list((tmp_path / "work").iterdir())


@time_machine.travel(NOON, tick=False)
def test_the_second_file_holds_the_second_load_and_nothing_else(flow, table):
    load_clicks(table, 1, 2, 3)
    first = run_now(flow)
    load_clicks(table, 4, 5)
    second = run_now(flow)
    third = run_now(flow)
    assert [profiles_of(run) for run in (first, second, third)] == [[1, 2, 3], [4, 5], []]
    assert [run.sequence for run in (first, second, third)] == [1, 2, 3]
    assert [run.file_name for run in (first, second, third)] == [
        "email_click_customers_20261123.zip",
        "email_click_customers_20261123_2.zip",
        "email_click_customers_20261123_3.zip",
    ]
    assert (second.lower, third.lower) == (first.upper, second.upper)
    flow.refresh_from_db()
    assert (flow.position, flow.sequence) == (third.upper, 3)


def test_what_was_recorded_before_the_activation_is_in_no_file(table):
    load_clicks(table, 1)
    flow = Flow.objects.create(profile_table=table, kind="email_click", launch_time=time(2), active=True)
    load_clicks(table, 2)
    assert profiles_of(run_now(flow)) == [2]


def test_a_start_adds_earlier_events_from_that_moment_on(table):
    load_clicks(table, 1)  # clicked on 20 November at 10:00 UTC
    flow = Flow.objects.create(
        profile_table=table,
        kind="email_click",
        launch_time=time(2),
        active=True,
        start=datetime(2026, 11, 20, 10, tzinfo=UTC),
    )
    other = Flow.objects.create(
        profile_table=table,
        kind="email_sent",
        launch_time=time(2),
        active=True,
        start=datetime(2026, 11, 20, 10, 0, 1, tzinfo=UTC),
    )
    load_clicks(table, 2)
    assert profiles_of(run_now(flow)) == [1, 2]
    load_clicks(table, 3)
    assert profiles_of(run_now(flow)) == [3]
    assert profiles_of(run_now(other)) == []


@time_machine.travel(NOON, tick=False)
def test_the_record_tells_the_file(flow, table, tmp_path):
    load_clicks(table, 7, 8)
    run = run_now(flow)
    content = (tmp_path / "archives" / run.archive).read_bytes()
    with zipfile.ZipFile(tmp_path / "archives" / run.archive) as opened:
        member = opened.read("email_click_customers_20261123.csv")
    first, last = (int(row["eventId"]) for row in rows_of(run))
    assert (run.status, run.rows, run.first_event_id, run.last_event_id) == (Run.Status.DONE, 2, first, last)
    assert (run.csv_bytes, run.csv_sha256) == (len(member), hashlib.sha256(member).hexdigest())
    assert (run.archive_bytes, run.archive_sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert run.started_at == run.finished_at == datetime(2026, 11, 23, 11, tzinfo=UTC)
    manifest = json.loads(run.manifest)
    assert list(manifest) == [
        "version",
        "account",
        "table",
        "kind",
        "sequence",
        "exportDay",
        "revision",
        "columns",
        "window",
        "rows",
        "firstEventId",
        "lastEventId",
        "file",
        "csv",
        "previous",
        "createdAt",
    ]
    assert manifest == {
        "version": 1,
        "account": "acme",
        "table": "customers",
        "kind": "email_click",
        "sequence": 1,
        "exportDay": "2026-11-23",
        "revision": 1,
        "columns": flow.definition.headers,
        "window": {"from": run.lower, "to": run.upper},
        "rows": 2,
        "firstEventId": first,
        "lastEventId": last,
        "file": {"name": run.file_name, "bytes": len(content), "sha256": run.archive_sha256},
        "csv": {"name": "email_click_customers_20261123.csv", "bytes": len(member), "sha256": run.csv_sha256},
        "previous": None,
        "createdAt": "2026-11-23T11:00:00Z",
    }
    following = json.loads(run_now(flow).manifest)
    assert following["previous"] == {"sequence": 1, "name": run.file_name, "sha256": run.archive_sha256}
    assert following["window"]["from"] == manifest["window"]["to"]
    assert (following["rows"], following["firstEventId"], following["lastEventId"]) == (0, None, None)
    assert unfinished(tmp_path) == []


def test_nothing_new_gives_the_header_line_or_no_file(flow, table, tmp_path):
    run = run_now(flow)
    assert (run.status, run.rows, rows_of(run)) == (Run.Status.DONE, 0, [])
    Flow.objects.update(when_empty=Flow.WhenEmpty.NO_FILE)
    empty = run_now(flow)
    assert (empty.status, empty.rows, empty.file_name, empty.archive, empty.sequence) == (Run.Status.EMPTY, 0, "", "", None)
    assert len(stored(tmp_path)) == 1
    load_clicks(table, 1)
    following = run_now(flow)
    # The chain has no gap: the file's window starts where the last file's ended.
    assert (following.sequence, following.lower, profiles_of(following)) == (2, run.upper, [1])


def test_a_run_is_not_claimed_before_the_earlier_run_of_its_flow_is_finished(flow, table):
    earlier, later = schedule.open_manual(flow), schedule.open_manual(flow)
    load_clicks(table, 1)
    assert pipeline.execute(later.pk) is None
    assert profiles_of(pipeline.execute(earlier.pk)) == [1]
    assert profiles_of(pipeline.execute(later.pk)) == []


def test_a_run_is_taken_by_one_worker_only(flow):
    run = schedule.open_manual(flow)
    taken, barrier = [], threading.Barrier(4)

    def worker() -> None:
        try:
            barrier.wait()
            taken.append(pipeline.claim(run.pk))
        finally:
            connection.close()

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([run for run in taken if run]) == 1


def test_a_failed_run_is_covered_by_the_next_and_cannot_double_it(flow, table):
    load_clicks(table, 1)
    failed = pipeline.claim(schedule.open_manual(flow).pk)
    with pipeline.Lease(failed) as lease:
        pipeline.fix_window(failed, lease)
        pipeline.fail(failed, lease, "The disk burnt.", permanent=True)
    load_clicks(table, 2)
    covering = run_now(flow)
    assert profiles_of(covering) == [1, 2]
    reruns.try_again(failed)
    again = pipeline.execute(failed.pk)
    assert (again.status, again.archive) == (Run.Status.COVERED, "")
    # The name was free, since the failed run has delivered nothing under it.
    assert covering.file_name == failed.file_name


def test_a_retry_keeps_the_window_that_the_first_try_stored(flow, table):
    load_clicks(table, 1)
    dead = pipeline.claim(schedule.open_manual(flow).pk)
    with pipeline.Lease(dead) as lease:
        pipeline.fix_window(dead, lease)
    load_clicks(table, 2)
    Run.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert recovery.recover() == (1, 0)
    retried = pipeline.execute(dead.pk)
    assert (retried.status, retried.attempt, profiles_of(retried)) == (Run.Status.DONE, 2, [1])
    assert profiles_of(run_now(flow)) == [2]


def test_a_worker_that_lost_its_claim_writes_nothing(flow, table, tmp_path):
    load_clicks(table, 1)
    slow = pipeline.claim(schedule.open_manual(flow).pk)
    with pipeline.Lease(slow) as lease:
        pipeline.fix_window(slow, lease)
        Run.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        quick = pipeline.execute(slow.pk)
        with pytest.raises(pipeline.LeaseLost):
            pipeline.generate(slow, lease)
    quick.refresh_from_db()
    flow.refresh_from_db()
    assert (quick.status, quick.attempt, flow.sequence, flow.position) == (Run.Status.DONE, 2, 1, quick.upper)
    assert [str(path.relative_to(tmp_path / "archives")) for path in stored(tmp_path)] == [quick.archive]


def test_a_run_whose_worker_dies_every_time_is_left_to_a_person(flow, settings, tmp_path):
    settings.RUN_ATTEMPTS = 3
    run = schedule.open_manual(flow)
    for _ in range(3):
        assert pipeline.claim(run.pk)
        Run.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        recovery.recover()
    run.refresh_from_db()
    assert (run.status, run.attempt) == (Run.Status.FAILED, 3)
    assert run.error == recovery.DIED
    assert pipeline.claim(run.pk) is None
    assert pipeline.execute(reruns.try_again(run).pk).status == Run.Status.DONE


def test_a_full_disk_is_a_sentence_and_leaves_nothing(flow, table, settings, tmp_path):
    load_clicks(table, 1)
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder of archives should be")
    (tmp_path / "work").mkdir()
    settings.WORK_DIR = blocked
    run = run_now(flow)
    assert run.status == Run.Status.WAITING
    assert run.error.startswith("The archive could not be written: File exists (blocked).")
    assert run.next_attempt_at > timezone.now()
    settings.WORK_DIR = tmp_path / "work"
    assert profiles_of(pipeline.execute(run.pk)) == [1]


def test_a_position_of_another_cluster_is_refused_until_a_person_acts(flow, table):
    load_clicks(table, 1)
    Flow.objects.update(position="pg:1:5:5:" if connection.vendor == "sqlite" else "id:5")
    run = run_now(flow)
    assert run.status == Run.Status.FAILED
    assert "rebase_positions" in run.error
    flow.refresh_from_db()
    assert flow.sequence == 0


def test_saving_a_flow_does_not_take_its_position_back(flow, table):
    stale = Flow.objects.get(pk=flow.pk)
    load_clicks(table, 1)
    run_now(flow)
    stale.launch_time = time(5)
    stale.save()
    flow.refresh_from_db()
    assert flow.sequence == 1
    assert profiles_of(run_now(flow)) == []


# --- Reruns ---


@time_machine.travel(NOON, tick=False)
def test_a_rebuild_makes_the_same_window_anew_under_the_next_revision(flow, table):
    load_clicks(table, 1, 2)
    first = run_now(flow)
    load_clicks(table, 3)
    second = run_now(flow)
    position = Flow.objects.get().position
    rebuilt = pipeline.execute(reruns.rebuild(first).pk)
    again = pipeline.execute(reruns.rebuild(rebuilt).pk)
    assert [run.file_name for run in (rebuilt, again)] == [
        "email_click_customers_20261123_r2.zip",
        "email_click_customers_20261123_r3.zip",
    ]
    assert (rebuilt.csv_sha256, again.csv_sha256) == (first.csv_sha256, first.csv_sha256)
    manifest = json.loads(again.manifest)
    assert (manifest["sequence"], manifest["revision"], manifest["window"]["to"]) == (1, 3, first.upper)
    assert Flow.objects.get().position == position
    assert profiles_of(pipeline.execute(reruns.rebuild(second).pk)) == [3]


def test_a_rebuild_after_events_were_erased_says_so(flow, table):
    load_clicks(table, 1, 2, 3)
    first = run_now(flow)
    flow.definition.model.objects.filter(profile_id=2).delete()
    rebuilt = pipeline.execute(reruns.rebuild(first).pk)
    assert profiles_of(rebuilt) == [1, 3]
    manifest = json.loads(rebuilt.manifest)
    assert manifest["note"] == "Revision 1 had 3 rows. Events of the window were erased since it was made."
    assert "note" not in json.loads(first.manifest)


@time_machine.travel(NOON, tick=False)
def test_a_date_range_holds_the_events_of_its_moments_whatever_the_position(flow, table):
    load_clicks(table, 1)  # 20 November, 10:00 UTC
    run_now(flow)
    before = Flow.objects.get()
    day = datetime(2026, 11, 20, 10, tzinfo=UTC)
    inside = pipeline.execute(reruns.export_range(flow, day, day + timedelta(seconds=1)).pk)
    outside = pipeline.execute(reruns.export_range(flow, day - timedelta(days=1), day).pk)
    assert (profiles_of(inside), profiles_of(outside)) == ([1], [])
    assert inside.file_name == "email_click_customers_20261123_from_20261120T110000_to_20261120T110001.zip"
    assert json.loads(inside.manifest)["sequence"] is None
    after = Flow.objects.get()
    assert (after.position, after.sequence) == (before.position, before.sequence)


def test_a_file_names_the_newest_finished_revision_of_the_one_before(flow, table):
    first = run_now(flow)
    rebuilt = pipeline.execute(reruns.rebuild(first).pk)
    reruns.rebuild(first)  # opened, not made
    previous = json.loads(run_now(flow).manifest)["previous"]
    assert previous == {"sequence": 1, "name": rebuilt.file_name, "sha256": rebuilt.archive_sha256}


def test_reruns_that_make_no_sense_are_refused_with_a_sentence(flow):
    now = timezone.now()
    with pytest.raises(FlowError, match="ends before it starts"):
        reruns.export_range(flow, now, now - timedelta(days=1))
    with pytest.raises(FlowError, match="lies in the future"):
        reruns.export_range(flow, now + timedelta(days=1), now + timedelta(days=2))
    waiting = schedule.open_manual(flow)
    with pytest.raises(FlowError, match="there is none to rebuild"):
        reruns.rebuild(waiting)
    with pytest.raises(FlowError, match="has made no file"):
        reruns.deliver_run_again(waiting)
    with pytest.raises(FlowError, match="has not failed"):
        reruns.try_again(waiting)
    assert Run.objects.count() == 1


def test_an_archive_is_discarded_when_another_run_has_covered_its_window(flow, table, tmp_path):
    """The guard of last resort: two windows with the same lower end cannot both move the position."""
    load_clicks(table, 1)
    run = pipeline.claim(schedule.open_manual(flow).pk)
    with pipeline.Lease(run) as lease:
        pipeline.fix_window(run, lease)
        Flow.objects.update(position=run.upper + "0", sequence=1)
        pipeline.generate(run, lease)
    run.refresh_from_db()
    assert (run.status, run.sequence) == (Run.Status.COVERED, None)
    assert stored(tmp_path) == []
