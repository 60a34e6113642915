"""The history, the page of a run, and the download, as members see them."""

import html
import re
from datetime import timedelta

import pytest
from django.core.files.storage import storages
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Member
from flows.models import Delivery, Run
from flows.pages.states import STATES, with_state
from tests.pages import scene as scenes


def words(answer) -> str:
    """The text of a page, with single blanks."""
    text = re.sub(r"<(script|style).*?</\1>", "", answer.content.decode(), flags=re.S)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text)))


def rows(answer) -> list[int]:
    return [run.pk for run in answer.context["page"]]


def test_the_history_holds_the_member_s_runs_and_no_other(scene, as_):
    shown = rows(as_("viewer").get("/history/"))
    assert shown == list(Run.objects.exclude(pk=scene.foreign_run.pk).order_by("-pk").values_list("pk", flat=True))
    assert rows(as_("foreigner").get("/history/")) == [scene.foreign_run.pk]


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("delivered", "email_click"),
        ("delayed", "email_click"),
        ("held", "email_opening"),
        ("sending", "goal_transaction"),
        ("made", "survey_answer"),
        ("waiting", "email_hard_bounce"),
        ("running", "sms_sent"),
        ("empty", "sms_bounce"),
        ("failed", "print_ready"),
        ("covered", "audience_ready"),
    ],
)
def test_each_state_is_a_word(scene, as_, state, kind):
    run = scene.runs[state]
    assert (with_state(Run.objects.filter(pk=run.pk)).get().state, run.flow.kind) == (state, kind)
    answer = as_("viewer").get("/history/", {"status": state, "kind": kind, "since": run.export_day, "until": run.export_day})
    assert run.pk in rows(answer)
    assert {one.state for one in answer.context["page"]} == {state}
    assert STATES[state].label in words(answer)


def test_a_cancelled_delivery_shows_on_its_run(scene):
    Delivery.objects.filter(run=scene.runs["delayed"], status="waiting").update(status="cancelled")
    assert with_state(Run.objects.filter(pk=scene.runs["delayed"].pk)).get().state == "cancelled"


def test_filters_by_table_kind_and_days(scene, as_):
    client = as_("viewer")
    clicks = list(Run.objects.filter(flow=scene.clicks).order_by("-pk").values_list("pk", flat=True))
    assert rows(client.get("/history/", {"kind": "email_click"})) == clicks
    assert rows(client.get("/history/", {"table": scene.customers.pk, "kind": "email_click"})) == clicks
    prospects = scene.acme.profile_tables.get(name="prospects")
    assert rows(client.get("/history/", {"table": prospects.pk})) == []
    day = scenes.DAY - timedelta(days=9)
    assert rows(client.get("/history/", {"since": day, "until": day})) == [scene.runs["purged"].pk]
    assert rows(client.get("/history/", {"until": day - timedelta(days=1)})) == []


def test_a_filter_that_cannot_be_read_shows_no_rows(scene, as_):
    answer = as_("viewer").get("/history/", {"since": "2026-02-31"})
    assert (answer.status_code, rows(answer)) == (200, [])
    assert "Enter a valid date." in words(answer)


def test_somebody_else_s_account_and_table_are_no_choice(scene, as_):
    foreign = scene.foreign_flow.profile_table
    answer = as_("viewer").get("/history/", {"table": foreign.pk})
    assert (answer.status_code, rows(answer)) == (200, [])
    assert f'value="{foreign.pk}"' not in answer.content.decode()


def test_members_of_several_accounts_choose_one(scene, as_):
    assert "account" not in as_("viewer").get("/history/").context["filters"].form.fields
    Member.objects.create(account=scene.other, user=scene.users["viewer"], role="viewer")
    answer = as_("viewer").get("/history/", {"account": scene.other.pk})
    assert rows(answer) == [scene.foreign_run.pk]
    assert "Borealis" in words(answer)


def test_pages_of_fifty_keep_the_filters(scene, as_):
    Run.objects.bulk_create(
        Run(flow=scene.clicks, purpose="manual", export_day=scenes.DAY, due_at=scenes.NOW, status="covered") for _ in range(60)
    )
    first = as_("viewer").get("/history/", {"kind": "email_click"})
    assert len(rows(first)) == 50
    assert "?kind=email_click&amp;page=2" in first.content.decode()
    assert len(rows(as_("viewer").get("/history/", {"kind": "email_click", "page": 2}))) == 16


def test_empty_states_say_what_to_do(scene, as_):
    assert "You are not a member of an account yet" in words(as_("nobody").get("/history/"))
    Run.objects.filter(pk=scene.foreign_run.pk).delete()
    assert "No files yet" in words(as_("foreigner").get("/history/"))
    assert "No run matches these filters" in words(as_("viewer").get("/history/", {"until": "2020-01-01"}))


def test_the_page_of_a_run_tells_all(scene, as_):
    run = scene.runs["delayed"]
    text = words(as_("viewer").get(f"/runs/{run.pk}/"))
    for part in (
        "Clicks in e-mails Acme Retail · customers · Monday 23 November 2026",
        "email_click_customers_20261123.zip",
        "Rows 18,209",
        "22 B zipped, 4.6 MiB as CSV (22 and 4,812,345 bytes)",
        run.archive_sha256,
        run.csv_sha256,
        "Recorded until 23 Nov 2026 02:00:04",
        "file 4 , made 22 Nov 2026 02:00:04",
        "Europe/Brussels",
        "daily Delivered 23 Nov 2026 10:30:00",
        "Size checked on the server.",
        scenes.ERROR,
        "2 failed tries. Next try 23 Nov 2026 10:34:00",
        "Previous file email_click_customers_20261122.zip",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("attempt", "minutes", "told"),
    [(0, 7, "Starts 23 Nov 2026 10:37:00"), (1, 7, "Next try 23 Nov 2026 10:37:00"), (0, -1, None)],
)
def test_a_run_that_waits_for_its_moment_says_when(scene, as_, attempt, minutes, told):
    run = scene.runs["waiting"]
    Run.objects.filter(pk=run.pk).update(attempt=attempt, next_attempt_at=scenes.NOW + timedelta(minutes=minutes))
    text = words(as_("viewer").get(f"/runs/{run.pk}/"))
    assert told in text if told else "Starts" not in text and "Next try" not in text


def test_revisions_link_to_one_another(scene, as_):
    rebuilt, original = scene.runs["rebuild"], scene.runs["delivered"]
    assert f'href="/runs/{original.pk}/"' in as_("viewer").get(f"/runs/{rebuilt.pk}/").content.decode()
    page = as_("viewer").get(f"/runs/{original.pk}/").content.decode()
    assert f'href="/runs/{rebuilt.pk}/"' in page
    assert f'href="/runs/{scene.runs["delayed"].pk}/"' in page


def test_what_went_wrong_inside_the_portal_is_for_staff(scene, as_):
    run = scene.runs["failed"]
    text = words(as_("viewer").get(f"/runs/{run.pk}/"))
    assert "The file could not be made. Support has been told, and no event is lost." in text
    assert run.error not in text
    assert "Traceback" not in text
    Member.objects.create(account=scene.acme, user=scene.users["staff"], role="viewer")
    assert run.error in words(as_("staff").get(f"/runs/{run.pk}/"))


def test_an_unsettled_run_asks_again_and_a_settled_one_asks_for_the_whole_page(scene, as_):
    client, run = as_("viewer"), scene.runs["sending"]
    live = client.get(f"/runs/{run.pk}/progress/", headers={"HX-Request": "true"})
    assert f'hx-get="/runs/{run.pk}/progress/"' in live.content.decode()
    assert 'value="64"' in live.content.decode()
    assert "HX-Refresh" not in live
    Delivery.objects.filter(run=run).update(status="delivered", delivered_at=scenes.NOW)
    settled = client.get(f"/runs/{run.pk}/progress/", headers={"HX-Request": "true"})
    assert "hx-get" not in settled.content.decode()
    assert settled["HX-Refresh"] == "true"


def test_the_download_is_the_archive_and_kept_by_nobody(scene, as_):
    run = scene.runs["delivered"]
    answer = as_("viewer").get(f"/runs/{run.pk}/download/")
    assert b"".join(answer.streaming_content) == scenes.ARCHIVE
    assert answer["Content-Disposition"] == 'attachment; filename="email_click_customers_20261122.zip"'
    assert answer["Content-Type"] == "application/zip"
    assert answer["Content-Length"] == str(len(scenes.ARCHIVE))
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"] == "private, no-store"


def test_a_file_past_its_retention_is_gone(scene, as_):
    run = scene.runs["purged"]
    answer = as_("viewer").get(f"/runs/{run.pk}/download/")
    assert answer.status_code == 410
    assert "The portal keeps a file for a few days after its delivery, then deletes it." in words(answer)
    assert "Download" not in words(as_("viewer").get(f"/runs/{run.pk}/"))


def test_a_file_missing_from_the_storage_is_gone_too(scene, as_):
    run = scene.runs["delivered"]
    storages["archives"].delete(run.archive)
    assert as_("viewer").get(f"/runs/{run.pk}/download/").status_code == 410


@pytest.mark.parametrize("state", ["waiting", "running", "failed", "empty", "covered"])
def test_a_run_without_a_file_has_no_download(scene, as_, state):
    assert as_("viewer").get(f"/runs/{scene.runs[state].pk}/download/").status_code == 404


def test_pages_change_nothing(scene, as_):
    client = as_("viewer")
    for path in ("/history/", "/flows/", f"/runs/{scene.runs['delayed'].pk}/"):
        assert client.post(path).status_code == 405


# Of the two queries that every page begins with, one is for the session and one for the person.
@pytest.mark.parametrize(
    ("path", "queries"),
    [("/history/", 10), ("/runs/{run}/", 6), ("/runs/{run}/progress/", 4), ("/flows/", 9), ("/flows/{flow}/columns/", 4)],
)
def test_the_count_of_queries_stays(scene, as_, path, queries):
    client = as_("viewer")
    address = path.format(run=scene.runs["delayed"].pk, flow=scene.clicks.pk)
    with CaptureQueriesContext(
        connection,
    ) as before:
        client.get(address)
    for flow in scene.customers.flows.all():
        Run.objects.create(flow=flow, purpose="manual", export_day=scenes.DAY, due_at=scenes.NOW, status="covered")
    with CaptureQueriesContext(connection) as after:
        client.get(address)
    assert (len(before), len(after)) == (queries, queries)
