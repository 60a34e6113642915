"""Flows, runs, deliveries and requests in the admin: what the buttons do, refuse, say, and send to the workers."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from flows.models import Backfill, Delivery, Flow, FlowRequest, Run
from tests.pages import scene as scenes
from tests.pages.test_history import words
from transfers.models import Location

EXECUTE, DELIVER = "flows.tasks.execute_run", "flows.tasks.deliver_server"


@pytest.fixture
def press(as_, django_capture_on_commit_callbacks):
    """Presses a button as support and gives the page that follows."""

    def press(model, item, name, person="support", **data):
        with django_capture_on_commit_callbacks(execute=True):
            return as_(person).post(f"/admin/{model}/{item.pk}/press/{name}/", data, follow=True)

    return press


def notes(item) -> list[str]:
    return list(LogEntry.objects.filter(object_id=item.pk).values_list("change_message", flat=True))


def test_run_now_opens_a_run_and_asks_for_it(scene, press, queue):
    answer = press("flows/flow", scene.clicks, "run_now")
    run = Run.objects.order_by("-pk").first()
    assert (run.flow, run.purpose, run.status, run.due_at) == (scene.clicks, "manual", "waiting", scenes.NOW)
    assert f"Run {run.pk} of acme/customers/email_click is open and waits for a worker." in words(answer)
    assert answer.redirect_chain == [(f"/admin/flows/run/{run.pk}/change/", 302)]
    assert queue() == [(EXECUTE, [run.pk])]
    assert notes(scene.clicks) == ["Run now."]


def test_a_flow_never_activated_cannot_run_now(scene, press, queue):
    flow = Flow.objects.get(kind="email_complaint")
    before = Run.objects.count()
    assert "this is not possible any more" in words(press("flows/flow", flow, "run_now"))
    assert (Run.objects.count(), queue()) == (before, [])


def test_pause_and_resume_ask_what_becomes_of_the_missed_days(scene, press, as_, queue, django_capture_on_commit_callbacks):
    before = scene.clicks.position
    answer = words(press("flows/flow", scene.clicks, "pause"))
    assert "acme/customers/email_click is paused. Its missed days are recorded" in answer
    scene.clicks.refresh_from_db()
    assert (scene.clicks.active, bool(scene.clicks.paused_at), scene.clicks.position) == (True, True, before)
    page = f"/admin/flows/flow/resume/?flows={scene.clicks.pk}"
    assert f'href="{page}"' in as_("support").get(f"/admin/flows/flow/{scene.clicks.pk}/change/").content.decode()
    assert "none yet; since the pause" in words(as_("support").get(page))
    assert as_("support").post(page, {"how": "nothing"}).status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        answer = as_("support").post(page, {"how": "together"}, follow=True)
    assert "acme/customers/email_click is resumed: one file with all of them." in words(answer)
    run = Run.objects.order_by("pk").last()
    assert (run.purpose, run.status, queue()) == ("manual", "waiting", [(EXECUTE, [run.pk])])
    assert "no flow is paused" in words(as_("support").get(page, follow=True))


def test_a_list_of_flows_is_paused_and_resumed(scene, as_):
    def act(name):
        data = {"action": name, "_selected_action": [flow.pk for flow in Flow.objects.all()]}
        return words(as_("support").post("/admin/flows/flow/", data, follow=True))

    active = Flow.objects.filter(active=True).count()
    assert f"Flows paused: {active}." in act("pause_chosen")
    assert Flow.objects.filter(paused_at__isnull=False).count() == active
    assert "What becomes of these events" in act("resume_chosen")


def test_a_backfill_is_asked_for_followed_and_cancelled(scene, as_, press):
    page = f"/admin/flows/flow/{scene.clicks.pk}/backfill/"
    days = {"first_day": "2026-11-01", "last_day": "2026-11-03", "per_day": "on"}
    answer = words(as_("support").post(page, {**days, "last_day": "2026-10-01"}))
    assert "The last day lies before the first." in answer
    answer = words(as_("support").post(page, days, follow=True))
    assert "0 of 3 files" in answer
    asked = Backfill.objects.get()
    assert (asked.per_day, asked.asked_by, asked.runs.count()) == (True, "support", 3)
    assert "3 files are cancelled." in words(press("flows/backfill", asked, "cancel"))
    assert "3 of 3 files" in words(as_("support").get(f"/admin/flows/backfill/{asked.pk}/change/"))


def test_a_flow_whose_names_could_clash_is_neither_activated_nor_saved(scene, press, as_):
    Flow.objects.filter(kind="email_complaint").update(file_name="{table}_{yyyyMMdd}.zip")
    flow = Flow.objects.get(kind="email_complaint")
    Flow.objects.filter(pk=scene.clicks.pk).update(file_name="{table}_{yyyyMMdd}.zip")
    answer = words(press("flows/flow", flow, "activate"))
    assert "could give two files at one location the same name. Add {kind} to the file name." in answer
    flow.refresh_from_db()
    assert flow.active is False
    data = flow_form(flow, active="on", file_name="{table}_{yyyyMMdd}.zip", locations=[scene.location.pk])
    answer = as_("support").post(f"/admin/flows/flow/{flow.pk}/change/", data)
    assert answer.status_code == 200
    assert "could give two files at one location the same name" in words(answer)
    flow.refresh_from_db()
    assert flow.active is False


UNTESTED = (
    "No connection test has been passed with the present settings: acme/daily. Press “Test connection” at the location, "
    "or tick “Accept untested” there to go without."
)


@pytest.fixture
def untested(scene):
    """The scene's location `daily`, neither tested nor accepted."""
    Location.objects.filter(pk=scene.location.pk).update(accepted_untested=False)
    return scene.location


@pytest.mark.parametrize("proof", [{"probed_at": scenes.NOW}, {"accepted_untested": True}])
def test_a_flow_is_activated_only_with_locations_that_are_tested_or_accepted(scene, untested, press, as_, proof):
    flow = Flow.objects.get(kind="email_complaint")
    page = f"/admin/flows/flow/{flow.pk}/change/"
    data = flow_form(flow, active="on", locations=[untested.pk])
    assert UNTESTED in words(press("flows/flow", flow, "activate"))
    answer = as_("support").post(page, data)
    assert answer.status_code == 200
    assert UNTESTED in words(answer)
    flow.refresh_from_db()
    assert (flow.active, flow.position, notes(flow)) == (False, "", [])
    # Without activating it, the flow can be prepared.
    assert as_("support").post(page, {**data, "active": ""}).status_code == 302
    Location.objects.filter(pk=untested.pk).update(**proof)
    assert "The flow acme/customers/email_complaint is active." in words(press("flows/flow", flow, "activate"))


def test_a_location_is_added_to_an_active_flow_only_when_tested_or_accepted(scene, untested, as_):
    flow = Flow.objects.get(kind="survey_answer")
    page = f"/admin/flows/flow/{flow.pk}/change/"
    answer = as_("support").post(page, flow_form(flow, active="on", locations=[untested.pk]))
    assert UNTESTED in words(answer)
    assert flow.locations.count() == 0
    # One that the flow goes to already does not stand in the way of another change.
    flow.locations.add(untested)
    assert as_("support").post(page, flow_form(flow, active="on", locations=[untested.pk])).status_code == 302
    flow.refresh_from_db()
    assert flow.launch_time == time(4, 30)


def flow_form(flow: Flow, **values: object) -> dict[str, object]:
    plain = {
        "launch_time": "04:30",
        "file_name": flow.file_name,
        "moments": "utc",
        "when_empty": "header_only",
        "start_0": "",
        "start_1": "",
        "locations": [],
        "enrichments-TOTAL_FORMS": 0,
        "enrichments-INITIAL_FORMS": 0,
    }
    return {**plain, **values}


def test_a_flow_is_saved_with_its_launch_planned(scene, as_):
    flow = Flow.objects.get(kind="email_complaint")
    data = flow_form(flow, active="on", locations=[scene.location.pk])
    answer = as_("support").post(f"/admin/flows/flow/{flow.pk}/change/", data)
    assert answer.status_code == 302
    flow.refresh_from_db()
    assert flow.active is True
    assert flow.position != ""
    assert flow.next_launch_at == datetime(2026, 11, 24, 3, 30, tzinfo=UTC)


def test_a_location_of_another_account_is_refused(scene, as_):
    data = {
        **flow_form(Flow(), file_name="{kind}_{table}_{yyyyMMdd}.zip", locations=[scene.location.pk]),
        "profile_table": scene.foreign_flow.profile_table_id,
        "kind": "sms_bounce",
    }
    answer = as_("support").post("/admin/flows/flow/add/", data)
    assert "daily: these locations belong to another account than the table." in words(answer)
    assert not Flow.objects.filter(kind="sms_bounce", profile_table=scene.foreign_flow.profile_table).exists()


def test_enrichment_offers_the_attributes_of_the_flow_s_table(scene, as_):
    page = as_("support").get(f"/admin/flows/flow/{scene.clicks.pk}/change/")
    form = page.context["inline_admin_formsets"][0].formset.forms[0]
    assert [attribute.name for attribute in form.fields["attribute"].queryset] == ["firstName", "interests"]


def range_data(start: str, end: str, **more: str) -> dict[str, str]:
    return {"start": start, "end": end, **more}


def test_a_date_range_is_in_the_account_s_zone(scene, as_, queue, django_capture_on_commit_callbacks):
    address = f"/admin/flows/flow/{scene.clicks.pk}/range/"
    with django_capture_on_commit_callbacks(execute=True):
        answer = as_("support").post(address, range_data("2026-11-01T00:00", "2026-11-02T00:00"))
    run = Run.objects.get(purpose="range")
    assert answer["Location"] == f"/admin/flows/run/{run.pk}/change/"
    assert (run.range_from, run.range_to) == (datetime(2026, 10, 31, 23, tzinfo=UTC), datetime(2026, 11, 1, 23, tzinfo=UTC))
    assert run.deliver is False
    assert queue() == [(EXECUTE, [run.pk])]


@pytest.mark.parametrize(
    ("start", "end", "sentence"),
    [
        ("2026-11-02T00:00", "2026-11-01T00:00", "The range ends before it starts."),
        ("2027-01-01T00:00", "2027-01-02T00:00", "The range lies in the future."),
        ("", "2026-11-01T00:00", "This field is required."),
    ],
)
def test_a_wrong_date_range_changes_nothing(scene, as_, queue, start, end, sentence):
    answer = as_("support").post(f"/admin/flows/flow/{scene.clicks.pk}/range/", range_data(start, end, deliver="on"))
    assert sentence in words(answer)
    assert not Run.objects.filter(purpose="range").exists()
    assert queue() == []


def test_try_again_reopens_a_failed_run(scene, press, queue):
    run = scene.runs["failed"]
    answer = press("flows/run", run, "try_again")
    run.refresh_from_db()
    assert (run.status, run.failures, run.next_attempt_at) == ("waiting", 0, scenes.NOW)
    assert queue() == [(EXECUTE, [run.pk])]
    assert "waits for a worker again." in words(answer)
    assert notes(run) == ["Try again."]
    assert "this is not possible any more" in words(press("flows/run", run, "try_again"))
    assert queue() == []


def test_deliver_again_sends_the_stored_file_to_every_location(scene, press, queue):
    run = scene.runs["delivered"]
    answer = press("flows/run", run, "deliver_again")
    assert "email_click_customers_20261122.zip is on its way again, to daily, lake." in words(answer)
    assert list(run.deliveries.values_list("status", flat=True)) == ["waiting", "waiting"]
    assert queue() == [(DELIVER, [scene.server.pk])]


def test_deliver_again_of_one_delivery(scene, press, queue):
    delivery = scene.runs["delayed"].deliveries.get(location__name="lake")
    press("flows/delivery", delivery, "deliver_again")
    delivery.refresh_from_db()
    assert (delivery.status, delivery.failures, delivery.error, delivery.next_attempt_at) == ("waiting", 0, "", scenes.NOW)
    assert queue() == [(DELIVER, [scene.server.pk])]


def test_what_is_being_sent_is_not_sent_again(scene, press, queue):
    delivery = scene.runs["sending"].deliveries.get()
    Delivery.objects.filter(pk=delivery.pk).update(lease_until=scenes.NOW + timedelta(minutes=1))
    assert "is being sent at this moment. Wait until it is through." in words(press("flows/delivery", delivery, "deliver_again"))
    assert queue() == []


def test_rebuild_opens_the_next_revision(scene, press, queue):
    answer = press("flows/run", scene.runs["delivered"], "rebuild")
    # The scene's archives have no window, so that there is nothing to rebuild them from.
    assert "has made no file, so there is none to rebuild." in words(answer)
    Run.objects.filter(pk=scene.runs["delivered"].pk).update(upper=scene.clicks.position)
    answer = press("flows/run", scene.runs["delivered"], "rebuild")
    made = Run.objects.get(purpose="rebuild", revision=3)
    assert "Revision 3 is open and waits for a worker." in words(answer)
    assert (made.original, made.status, made.sequence) == (scene.runs["delivered"], "waiting", 4)
    assert queue() == [(EXECUTE, [made.pk])]


def test_actions_do_what_they_can_and_say_what_they_cannot(scene, as_, queue, django_capture_on_commit_callbacks):
    failed, covered = scene.runs["failed"], scene.runs["covered"]
    chosen = {"action": "action_try_again", "_selected_action": [failed.pk, covered.pk]}
    with django_capture_on_commit_callbacks(execute=True):
        answer = words(as_("support").post("/admin/flows/run/", chosen, follow=True))
    assert "Waiting for a worker again: 1." in answer
    assert "cme/customers/audience_ready 2026-11-23 has not failed: covered by a later run." in answer
    assert queue() == [(EXECUTE, [failed.pk])]


@pytest.mark.parametrize("model", ["run", "delivery"])
def test_history_is_read_only(scene, as_, model):
    item = scene.runs["delayed"] if model == "run" else scene.runs["delayed"].deliveries.first()
    client = as_("support")
    assert client.get(f"/admin/flows/{model}/add/").status_code == 403
    assert client.get(f"/admin/flows/{model}/{item.pk}/delete/").status_code == 403
    assert client.post(f"/admin/flows/{model}/{item.pk}/change/", {"status": "failed"}).status_code == 403
    page = client.get(f"/admin/flows/{model}/{item.pk}/change/").content.decode()
    assert 'name="_save"' not in page


def test_staff_read_the_trace(scene, as_):
    assert "Traceback of a test" in words(as_("support").get(f"/admin/flows/run/{scene.runs['failed'].pk}/change/"))


def test_buttons_need_their_permission_a_token_and_post(scene, as_, queue):
    address = f"/admin/flows/flow/{scene.clicks.pk}/press/run_now/"
    staff = scene.users["staff"]
    staff.user_permissions.set(Permission.objects.filter(codename__in=["view_flow", "view_run"]))
    assert as_("staff").post(address).status_code == 403
    assert "Run now" not in words(as_("staff").get(f"/admin/flows/flow/{scene.clicks.pk}/change/"))
    assert as_("staff").post(f"/admin/flows/run/{scene.runs['failed'].pk}/press/try_again/").status_code == 403
    assert as_("staff").get(f"/admin/flows/flow/{scene.clicks.pk}/range/").status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(scene.users["support"])
    assert strict.post(address).status_code == 403
    assert strict.get(address).status_code == 405
    assert as_("support").post(address.replace("run_now", "delete_model")).status_code == 404
    assert queue() == []


def test_a_request_is_granted_once(scene, press, as_):
    asked = FlowRequest.objects.create(profile_table=scene.customers, kind="sms_delivered", asked_by=scene.users["manager"])
    assert "1 open request" in words(as_("support").get("/admin/"))
    answer = press("flows/flowrequest", asked, "make_flow")
    flow = Flow.objects.get(kind="sms_delivered")
    assert (flow.active, flow.launch_time.isoformat(), flow.locations.count()) == (False, "02:00:00", 0)
    assert answer.redirect_chain == [(f"/admin/flows/flow/{flow.pk}/change/", 302)]
    asked.refresh_from_db()
    assert asked.status == "done"
    assert "this is not possible any more" in words(press("flows/flowrequest", asked, "make_flow"))


def test_the_first_page_tells_what_needs_a_look(scene, as_):
    text = words(as_("support").get("/admin/"))
    assert "1 failed run 1 held delivery 1 delayed delivery 0 overdue flows 0 open requests" in text
    assert "Beat has not sent a tick yet" in text
    Flow.objects.filter(pk=scene.clicks.pk).update(next_launch_at=scenes.NOW - timedelta(hours=1))
    assert "1 overdue flow" in words(as_("support").get("/admin/"))
    assert "Is it healthy?" not in words(as_("staff").get("/admin/"))


LISTS = {
    "": 9,
    "accounts/account/": 5,
    "accounts/profiletable/": 6,
    "flows/flow/": 9,
    "flows/run/": 6,
    "flows/delivery/": 7,
    "flows/flowrequest/": 6,
    "transfers/server/": 6,
    "transfers/location/": 6,
}


@pytest.mark.parametrize("path", LISTS)
def test_lists_keep_their_count_of_queries(scene, as_, path):
    client = as_("support")
    with CaptureQueriesContext(connection) as before:
        assert client.get(f"/admin/{path}").status_code == 200
    more(scene)
    with CaptureQueriesContext(connection) as after:
        client.get(f"/admin/{path}")
    assert (len(before), len(after)) == (LISTS[path], LISTS[path])


def more(scene) -> None:
    """Another row of everything that is listed."""
    table = scene.acme.profile_tables.create(name="more")
    server = scene.acme.servers.create(name="more", host="more.test", username="u")
    location = scene.acme.locations.create(name="more", server=server)
    flow = Flow.objects.create(profile_table=table, kind="email_click", launch_time=time(2), active=True)
    flow.locations.add(location)
    run = Run.objects.create(flow=flow, purpose="manual", export_day=scenes.DAY, due_at=scenes.NOW, status="done")
    Delivery.objects.create(run=run, location=location, status="held", error="Held.")
    FlowRequest.objects.create(profile_table=table, kind="sms_sent", asked_by=scene.users["manager"])
    scene.acme.members.create(user=scene.users["nobody"])


def test_reconciling_shows_each_day_and_puts_differences_first(scene, as_):
    page = "/admin/flows/flow/reconcile/"
    support = as_("support")
    assert f'href="{page}"' in support.get("/admin/").content.decode()
    assert "Every flow" in words(support.get(page))
    # Windows in which nothing is stored, whose files are said to have rows.
    at = scene.clicks.position
    Run.objects.filter(flow=scene.clicks, status=Run.Status.DONE).update(lower=at, upper=at)
    answer = words(support.get(page, {"flow": scene.clicks.pk, "since": "2026-01-01"}))
    assert "5 of 5 differ" in answer
    assert "0 events stored in its window, but the file" in answer
    assert "No export day to compare" in words(support.get(page, {"since": "2030-01-01"}))
    assert "Enter a valid date." in words(support.get(page, {"since": "soon"}))
    assert as_("viewer").get(page).status_code == 302
