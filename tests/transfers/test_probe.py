"""The connection test: its steps on every server, what it says when one fails, and that it leaves nothing behind."""

import json

import pytest
from django.core.management import CommandError, call_command

from tests.servers import running_asyncssh
from transfers.models import Server
from transfers.probe import probe

from .conftest import names

STEPS = [
    "Resolve",
    "Connect",
    "Identity",
    "Log in",
    "Folder",
    "Write",
    "Size",
    "Rename",
    "Read back",
    "Clock",
    "Remove",
    "Certificate",
]


def outcomes(steps):
    return {step.name: step.outcome for step in steps}


def test_every_step_passes(running, row, location):
    local, remote = running.new_folder()
    steps = list(probe(location(row(running), remote)))
    assert [step.name for step in steps] == STEPS
    expected = dict.fromkeys(STEPS, "passed")
    if running.protocol == "sftp":
        expected["Certificate"] = "skipped"
    assert outcomes(steps) == expected, [step.sentence for step in steps]
    assert names(local) == []
    assert all(step.sentence.endswith(".") and step.seconds >= 0 for step in steps)
    found = {step.name: step.sentence for step in steps}
    assert found["Clock"] == "The server's clock agrees with ours."
    if running.protocol != "sftp":
        assert "for 30 more days" in found["Certificate"]


def test_a_bucket_passes(s3, row, location):
    steps = outcomes(probe(location(row(s3), "client/in")))
    assert [name for name, outcome in steps.items() if outcome == "passed"] == [
        "Connect", "Identity", "Folder", "Write", "Size", "Read back", "Clock", "Remove",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "failed", "sentence"),
    [
        ({"host": "nowhere.invalid"}, "Resolve", "the host name cannot be resolved"),
        ({"port": 1}, "Connect", "nothing listens at that port"),
        ({"password": "not the right one"}, "Log in", "the server refused the user name or the password"),
    ],
)
def test_a_step_that_fails_says_what_to_do_and_the_rest_is_skipped(sshd, vsftpd, row, location, changes, failed, sentence):
    for running in (sshd, vsftpd):
        steps = list(probe(location(row(running, **changes), "")))
        at = STEPS.index(failed)
        assert [step.outcome for step in steps] == ["passed"] * at + ["failed"] + ["skipped"] * (len(STEPS) - at - 1)
        assert sentence in steps[at].sentence


def test_an_unknown_host_key_fails_the_identity(sshd, row, location):
    steps = list(probe(location(row(sshd, host_keys=""), "")))
    assert outcomes(steps)["Identity"] == "failed"
    assert "has not been confirmed yet" in steps[2].sentence


def test_a_missing_and_a_read_only_folder(running, row, location):
    server = row(running)
    steps = list(probe(location(server, "no/such")))
    assert outcomes(steps)["Folder"] == "failed"
    assert "does not exist" in steps[4].sentence
    local, remote = running.new_folder(mode=0o555)
    steps = list(probe(location(server, remote)))
    assert outcomes(steps)["Write"] == "failed"
    assert "the server gives no permission" in steps[5].sentence
    assert names(local) == []


def test_renaming_and_sizes_that_are_forbidden(servers_folder, any_user, host_key_files, row, location):
    habits = ["rename", "posix_rename", "stat"]
    with running_asyncssh(servers_folder, any_user, [host_key_files["ed25519"]], refuse=habits) as running:
        local, _ = running.new_folder()
        steps = list(probe(location(row(running), "")))
        assert outcomes(steps)["Folder"] == "failed"
        habitless = row(running, can_rename=False, can_stat=False)
        assert outcomes(probe(location(habitless, "")))["Folder"] == "failed"
        assert names(local) == []


def test_a_probe_that_is_left_in_the_middle_leaves_nothing_behind(sshd, row, location):
    local, remote = sshd.new_folder()
    steps = probe(location(row(sshd), remote))
    for step in steps:
        if step.name == "Write":
            break
    assert len(names(local)) == 1
    steps.close()
    assert names(local) == []


def test_the_command_prints_each_step(sshd, row, location, capsys):
    _, remote = sshd.new_folder()
    place = location(row(sshd), remote)
    call_command("probe", str(place))
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == f"{place} on 127.0.0.1"
    assert [line[2:14].strip() for line in printed[1:]] == STEPS
    call_command("probe", str(place), "--json")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["name"] for line in lines] == STEPS
    assert set(lines[0]) == {"location", "name", "outcome", "sentence", "seconds"}
    assert lines[0]["location"] == "acme/l0"


def test_the_command_fails_when_a_step_failed(sshd, row, location, capsys):
    place = location(row(sshd, port=1), "")
    with pytest.raises(CommandError) as caught:
        call_command("probe", str(place))
    assert (str(caught.value), caught.value.returncode) == ("A step failed for acme/l0.", 1)
    with pytest.raises(CommandError) as caught:
        call_command("probe", "acme/nowhere")
    assert (str(caught.value), caught.value.returncode) == ("There is no location acme/nowhere. Write it as account/name.", 2)


def test_portal_only_has_nothing_to_test(account, location):
    server = Server.objects.create(account=account, name="portal", protocol="portal")
    assert [(step.name, step.outcome) for step in probe(location(server, ""))] == [("Portal", "passed")]
