"""The commands that load: counts, JSON, standard input, and exit codes with sentences on standard error."""

import json
import os
import subprocess
import sys
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from interactions.models import Campaign, Profile, SmsEvent
from tests.factories import make_attribute, make_table

ROOT = Path(__file__).parents[2]
EVENTS = "profileId;campaignId;gsmNumber;sendingMoment;deliveryMoment\n7;;+32;;2026-11-23T07:15:00Z\n8;;;;\n"


@pytest.fixture
def table(db):
    return make_table()


@pytest.fixture
def file(tmp_path):
    """A function that writes a file and returns its path."""

    def write(text):
        path = tmp_path / "file.csv"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def run(*arguments, **options):
    out = StringIO()
    call_command(*arguments, stdout=out, **options)
    return out.getvalue()


def test_load_events(table, file):
    path = file(EVENTS)
    assert run("load_events", "--account", "acme", "--table", "customers", "sms_delivered", path) == (
        "Loaded 2 events of sms_delivered into acme/customers.\n"
    )
    assert json.loads(run("load_events", "--account=acme", "--table=customers", "--json", "sms_delivered", path)) == {"rows": 2}
    assert SmsEvent.objects.count() == 4


def test_load_events_from_standard_input(table, monkeypatch):
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(EVENTS.encode())))
    run("load_events", "--account", "acme", "--table", "customers", "sms_delivered", "-")
    assert SmsEvent.objects.count() == 2
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(b"x")))
    with pytest.raises(CommandError, match=r"^standard input, line 1, column x: there is no such column"):
        run("load_events", "--account", "acme", "--table", "customers", "sms_delivered", "-")


def test_load_profiles(table, file):
    make_attribute(table)
    path = file('profileId;businessKey;firstName\n7;key;Zoë\n8;;""\n')
    assert run("load_profiles", "--account", "acme", "--table", "customers", path) == (
        "Loaded 2 profiles into acme/customers: 2 created, 0 updated.\n"
    )
    again = json.loads(run("load_profiles", "--account", "acme", "--table", "customers", "--json", path))
    assert again == {"rows": 2, "created": 0, "updated": 0}
    assert Profile.objects.get(profile_id=7).attributes == {"firstName": "Zoë"}


def test_load_campaigns(table, file):
    path = file("campaignId;campaignName;campaignType\n1;Spring;ONE_SHOT\n")
    assert run("load_campaigns", "--account", "acme", path) == "Loaded 1 campaigns into acme: 1 created, 0 updated.\n"
    assert json.loads(run("load_campaigns", "--account", "acme", "--json", path)) == {"rows": 1, "created": 0, "updated": 0}
    assert Campaign.objects.get().name == "Spring"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["load_events", "--account=nobody", "--table=customers", "sms_delivered", "-"], "There is no account 'nobody'."),
        (["load_events", "--account=acme", "--table=x", "sms_delivered", "-"], "Account 'acme' has no profile table 'x'."),
        (["load_profiles", "--account=acme", "--table=x", "-"], "Account 'acme' has no profile table 'x'."),
        (["load_campaigns", "--account=nobody", "-"], "There is no account 'nobody'."),
        (["load_campaigns", "--account=acme", "/nowhere.csv"], "/nowhere.csv cannot be read: No such file or directory."),
        (["load_campaigns", "--account=acme", "/"], "/ cannot be read: Is a directory."),
    ],
)
def test_what_cannot_be_found(table, arguments, sentence):
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert (str(caught.value), caught.value.returncode) == (sentence, 1)


def test_a_bad_file_is_refused_with_its_line(table, file):
    path = file(EVENTS + "9;;;;yesterday\n")
    with pytest.raises(CommandError) as caught:
        run("load_events", "--account", "acme", "--table", "customers", "sms_delivered", path)
    assert str(caught.value) == (
        f"{path}, line 4, column deliveryMoment: 'yesterday' is not a moment. Write it as 2026-11-23T07:15:00Z. Nothing was loaded."
    )
    assert caught.value.returncode == 1
    assert not SmsEvent.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["load_events", "--help"], 0, ""),
        (["load_campaigns", "--account", "nobody", "-"], 1, "CommandError: There is no account 'nobody'."),
        (["load_events", "--account", "acme", "--table", "customers", "fax_sent", "-"], 2, "invalid choice: 'fax_sent'"),
        (["load_profiles", "--account", "acme"], 2, "the following arguments are required"),
    ],
)
def test_exit_codes(arguments, code, words, tmp_path):
    environment = {**os.environ, "DATA_DIR": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path}/portal.sqlite3"}
    if code == 1:
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
    done = subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
