"""A location with OpenPGP recipients gets the encrypted form, the same bytes each time, described by its companions."""

import hashlib
import json
import subprocess

import pytest

from flows import archives, delivery, reruns, retention, verify
from flows.models import Delivery, Run
from tests.flows.conftest import load_clicks, run_now
from tests.transfers.test_openpgp import gpg, make_key
from transfers.models import Location, Server

__all__ = ["gpg"]


@pytest.fixture
def location(flow, sshd, gpg):
    server = Server.objects.create(account=flow.account, name="ssh", **sshd.fields())
    path, folder = sshd.new_folder()
    location = Location.objects.create(
        account=flow.account,
        name="daily",
        server=server,
        folder=folder,
        manifest=True,
        checksum=True,
        pgp_keys=make_key(gpg, "Client <client@acme.test>"),
    )
    location.path = path
    flow.locations.add(location)
    return location


def test_the_recipient_opens_the_file_and_its_companions_describe_it(flow, table, location, gpg, tmp_path):
    load_clicks(table, 1)
    run = run_now(flow)
    assert delivery.deliver_waiting(location.server_id) == 1
    name = f"{run.file_name}.gpg"
    assert sorted(path.name for path in location.path.iterdir()) == [name, f"{name}.manifest.json", f"{name}.sha256"]
    assert gpg("--decrypt", location.path / name) == (tmp_path / "archives" / run.archive).read_bytes()
    subprocess.run(["sha256sum", "--check", f"{name}.sha256"], cwd=location.path, check=True, capture_output=True)
    content = (location.path / name).read_bytes()
    told = json.loads((location.path / f"{name}.manifest.json").read_text())
    assert told.pop("encrypted") == {"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert told == json.loads(run.manifest)
    assert verify.main([str(location.path)]) == 0
    assert Delivery.objects.get().bytes_sent == len(content)


def test_delivered_again_the_same_bytes_until_the_recipients_change(flow, table, location, gpg, tmp_path):
    load_clicks(table, 1)
    run = run_now(flow)
    delivery.deliver_waiting(location.server_id)
    path = location.path / f"{run.file_name}.gpg"
    first = path.read_bytes()
    reruns.deliver_run_again(run)
    delivery.deliver_waiting(location.server_id)
    assert path.read_bytes() == first
    Location.objects.update(pgp_keys=make_key(gpg, "Second <second@acme.test>"))
    reruns.deliver_run_again(run)
    delivery.deliver_waiting(location.server_id)
    assert path.read_bytes() != first
    assert gpg("--decrypt", path) == archives.opened(run.archive).read()
    assert len(list((tmp_path / "archives").rglob("*.gpg"))) == 1


def test_a_key_that_cannot_be_used_sends_nothing(flow, table, location):
    Location.objects.update(pgp_keys="no key at all")
    run_now(flow)
    assert delivery.deliver_waiting(location.server_id) == 0
    assert "No OpenPGP public key was found." in Delivery.objects.get().error
    assert list(location.path.iterdir()) == []


def test_the_retention_takes_the_encrypted_form_too(flow, table, location, tmp_path, settings):
    run_now(flow)
    delivery.deliver_waiting(location.server_id)
    settings.RETENTION_DAYS = 0
    assert retention.purge()["archives"] == 1
    assert [path for path in (tmp_path / "archives").rglob("*") if path.is_file()] == []
    assert Run.objects.get().archive == ""
