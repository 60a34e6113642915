"""The flows, the column dictionaries, and asking for a flow."""

import csv

import pytest
from django.core import mail

from accounts.models import ProfileTable
from flows import pages
from flows.models import Flow, FlowRequest
from flows.pages.flows import BY_HEADER, FAMILIES, dictionary
from interactions.kinds import KINDS
from tests.pages.test_history import words


def test_each_flow_with_its_next_launch_locations_and_last_run(scene, as_):
    text = words(as_("viewer").get("/flows/"))
    assert "Clicks in e-mails email_click" in text
    assert "24 Nov 2026 02:00 daily sftp.acme.test:/in/daily lake sftp.acme.test:/in/lake Delayed 23 Nov 2026" in text
    assert "E-mail complaints email_complaint" in text
    assert "Not active" in text
    assert "16 kinds not set up" in text
    assert "No flow is set up for this table" in text
    assert "Borealis" not in text
    assert scene.foreign_flow.pk not in {
        flow.pk for table in as_("viewer").get("/flows/").context["tables"] for flow, _ in table["flows"]
    }


def test_a_rebuild_is_not_the_last_run(scene, as_):
    shown = as_("viewer").get("/flows/").context["tables"][0]["flows"]
    assert dict(shown)[scene.clicks].pk == scene.runs["delayed"].pk


def test_empty_states_say_what_to_do(scene, as_):
    assert "You are not a member of an account yet" in words(as_("nobody").get("/flows/"))
    ProfileTable.objects.filter(account=scene.other).delete()
    assert "Support sets up the profile tables of your account." in words(as_("foreigner").get("/flows/"))


@pytest.mark.parametrize("code", KINDS)
def test_the_dictionary_of_each_kind(scene, as_, code):
    answer = as_("viewer").get(f"/kinds/{code}/")
    lines = answer.context["lines"]
    assert [line.header for line in lines] == KINDS[code].headers
    assert [line.type for line in lines] == [column.format.value for column in KINDS[code].columns]
    assert all(line.meaning and line.example for line in lines)
    assert answer.context["header"] == ";".join(KINDS[code].headers)


def test_every_example_belongs_to_a_column_and_every_family_has_a_name():
    assert set(BY_HEADER) <= {header for kind in KINDS.values() for header in kind.headers}
    assert set(FAMILIES) == {kind.family for kind in KINDS.values()}


def test_an_unknown_kind_is_no_page(scene, as_):
    assert as_("viewer").get("/kinds/email_clicked/").status_code == 404


def test_a_flow_s_dictionary_has_its_enrichment_in_place(scene, as_):
    answer = as_("viewer").get(f"/flows/{scene.clicks.pk}/columns/")
    lines = answer.context["lines"]
    assert [line.header for line in lines[:6]] == ["eventId", "profileId", "businessKey", "firstName", "interests", "campaignId"]
    assert [(line.type, line.enrichment) for line in lines[3:5]] == [("text", True), ("list", True)]
    assert "firstName enrichment text" in words(answer)


def test_a_flow_s_dictionary_shows_its_form_of_moments(scene, as_):
    Flow.objects.filter(pk=scene.clicks.pk).update(moments="local")
    answer = as_("viewer").get(f"/flows/{scene.clicks.pk}/columns/")
    assert {line.example for line in answer.context["lines"] if line.type == "moment"} == {"2026-11-23 08:15:00"}
    assert "In the time zone Europe/Brussels, as 2026-11-23 08:15:00" in words(answer)


def test_examples_need_no_quotes():
    """An example stands in the dictionary as it would in the file."""
    for kind in KINDS.values():
        for line in dictionary(kind):
            assert next(csv.reader([line.example], delimiter=";")) == [line.example]
    assert pages.__doc__


@pytest.fixture
def asking(scene, settings):
    settings.ADMINS = [("Support", "support@example.test")]
    return {"table": scene.customers.pk, "kind": "survey_participation", "wish": "At six, please."}


def test_a_manager_asks_for_a_flow(scene, as_, asking, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        answer = as_("manager").post("/ask/", asking, follow=True)
    assert "Support has your request. The flow shows here once it is set up." in words(answer)
    asked = FlowRequest.objects.get()
    assert (str(asked), asked.wish, asked.status, asked.asked_by) == (
        "acme/customers/survey_participation",
        "At six, please.",
        "open",
        scene.users["manager"],
    )
    assert [(message.subject, message.to) for message in mail.outbox] == [
        ("[Django] Export portal: the flow acme/customers/survey_participation is asked for", ["support@example.test"])
    ]
    assert "At six, please." in mail.outbox[0].body
    assert "Survey participations acme/customers" in words(as_("manager").get("/ask/"))


def test_what_is_asked_for_or_there_already_is_refused(scene, as_, asking):
    client = as_("manager")
    client.post("/ask/", asking)
    assert "is asked for already" in words(client.post("/ask/", asking))
    assert "is exported already" in words(client.post("/ask/", {**asking, "kind": "email_click"}))
    assert FlowRequest.objects.count() == 1


def test_nobody_asks_for_somebody_else_s_table(scene, as_, asking):
    foreign = {**asking, "table": scene.foreign_flow.profile_table_id}
    assert "Select a valid choice" in words(as_("manager").post("/ask/", foreign))
    assert as_("viewer").post("/ask/", asking).status_code == 403
    assert not FlowRequest.objects.exists()
