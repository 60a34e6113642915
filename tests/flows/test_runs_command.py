"""`manage.py runs`: the history as a table and as JSON."""

import json
from datetime import UTC, date, datetime, time
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Account, ProfileTable
from flows.models import Delivery, Flow, Run
from transfers.models import Location, Server

pytestmark = pytest.mark.django_db

SHA256 = "ab" * 32


def flow_of(name):
    account, _ = Account.objects.get_or_create(name=name, label=name)
    table = ProfileTable.objects.create(account=account, name="customers")
    return Flow.objects.create(profile_table=table, kind="email_click", launch_time=time(2))


@pytest.fixture
def history():
    """A failed run of acme, a later one that was delivered to one of two locations, and one of beta."""
    flow = flow_of("acme")
    server = Server.objects.create(account=flow.account, name="sftp", host="sftp.acme.test", username="actito")
    places = [Location.objects.create(account=flow.account, name=name, server=server) for name in ("weekly", "daily")]
    due = datetime(2026, 11, 23, 1, tzinfo=UTC)
    failed = Run.objects.create(
        flow=flow, purpose="scheduled", export_day=date(2026, 11, 22), due_at=due, status="failed", error="The disk is full."
    )
    done = Run.objects.create(
        flow=flow,
        purpose="scheduled",
        export_day=date(2026, 11, 23),
        due_at=due,
        status="done",
        sequence=1,
        rows=12_345,
        file_name="email_click_customers_20261123.zip",
        archive_bytes=67_890,
        archive_sha256=SHA256,
        finished_at=datetime(2026, 11, 23, 1, 2, tzinfo=UTC),
    )
    Delivery.objects.create(run=done, location=places[0], status="waiting", error="sftp.acme.test is down.")
    Delivery.objects.create(
        run=done,
        location=places[1],
        status="delivered",
        size_verified=True,
        delivered_at=datetime(2026, 11, 23, 1, 3, tzinfo=UTC),
    )
    other = Run.objects.create(flow=flow_of("beta"), purpose="manual", export_day=date(2026, 11, 23), due_at=due)
    return failed, done, other


def printed(*options):
    out = StringIO()
    call_command("runs", *options, stdout=out)
    return out.getvalue()


def numbers(*options):
    return [json.loads(line)["run"] for line in printed("--json", *options).splitlines()]


def test_runs_as_json(history):
    failed, done, other = history
    lines = [json.loads(line) for line in printed("--json").splitlines()]
    assert [line["run"] for line in lines] == [other.pk, done.pk, failed.pk]
    assert lines[1] == {
        "run": done.pk,
        "flow": "acme/customers/email_click",
        "exportDay": "2026-11-23",
        "purpose": "scheduled",
        "status": "done",
        "sequence": 1,
        "revision": 1,
        "rows": 12_345,
        "file": "email_click_customers_20261123.zip",
        "bytes": 67_890,
        "sha256": SHA256,
        "finishedAt": "2026-11-23T01:02:00+00:00",
        "error": None,
        "deliveries": [
            {
                "location": "acme/daily",
                "status": "delivered",
                "sizeVerified": True,
                "deliveredAt": "2026-11-23T01:03:00+00:00",
                "error": None,
            },
            {
                "location": "acme/weekly",
                "status": "waiting",
                "sizeVerified": None,
                "deliveredAt": None,
                "error": "sftp.acme.test is down.",
            },
        ],
    }
    assert (lines[2]["status"], lines[2]["rows"], lines[2]["error"]) == ("failed", None, "The disk is full.")


def test_runs_that_are_asked_for(history):
    failed, done, other = history
    assert numbers("--account", "acme") == [done.pk, failed.pk]
    assert numbers("--flow", "beta/customers/email_click") == [other.pk]
    assert numbers("--since", "2026-11-23") == [other.pk, done.pk]
    assert numbers("--since", "2026-11-23", "--account", "acme") == [done.pk]
    assert numbers("--since", "2026-11-24") == []


def test_runs_as_a_table(history):
    lines = printed("--account", "acme").splitlines()
    row = next(line for line in lines if "12,345" in line)
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == [
        str(history[1].pk),
        "acme/customers/email_click",
        "2026-11-23",
        "Scheduled",
        "File made",
        "12,345",
        "email_click_customers_20261123.zip",
        "67,890",
        "daily: Delivered",
        "sftp.acme.test is down.",
    ]
    assert any("weekly: Waiting" in line for line in lines)
    assert any("The disk is full." in line for line in lines)


def test_many_runs_take_few_queries(history, django_assert_num_queries):
    with django_assert_num_queries(2):
        printed("--json")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--account", "none"), "There is no account none."),
        (("--flow", "acme/customers"), "There is no flow acme/customers. A flow is written account/table/kind."),
    ],
)
def test_what_is_not_there(history, options, sentence):
    with pytest.raises(CommandError) as caught:
        printed(*options)
    assert (str(caught.value), caught.value.returncode) == (sentence, 1)


def test_a_day_that_is_none():
    with pytest.raises(CommandError, match="'yesterday' is not a day, such as 2026-11-23"):
        printed("--since", "yesterday")
