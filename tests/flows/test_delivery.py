"""From a stored archive to real servers: order, retries, holds, claims and limits."""

import subprocess
from datetime import timedelta

import pytest
from django.utils import timezone

from flows import delivery, recovery, reruns, sending, verify
from flows.errors import FlowError, LeaseLost
from flows.lease import Lease
from flows.models import Delivery, Flow, Run
from tests.flows.conftest import load_clicks, run_now
from transfers.client import connect
from transfers.models import Location, Server


@pytest.fixture(autouse=True)
def quick(settings):
    settings.TRANSFER_TIMEOUT = 3


@pytest.fixture
def location(flow, sshd):
    """The flow's location on a real SSH server, with every companion; `path` is its folder on this machine."""
    server = Server.objects.create(account=flow.account, name="ssh", **sshd.fields())
    path, folder = sshd.new_folder()
    location = Location.objects.create(
        account=flow.account, name="daily", server=server, folder=folder, manifest=True, checksum=True, ready=True
    )
    location.path = path
    flow.locations.add(location)
    return location


def names(location):
    return sorted(path.name for path in location.path.iterdir())


def due_now():
    Delivery.objects.filter(status=Delivery.Status.WAITING).update(next_attempt_at=timezone.now())


def test_the_archive_and_its_companions_arrive_to_the_byte(flow, table, location, tmp_path):
    load_clicks(table, 1, 2)
    run = run_now(flow)
    assert delivery.deliver_waiting(location.server_id) == 1
    name = run.file_name
    assert names(location) == sorted([name, f"{name}.manifest.json", f"{name}.sha256", f"{name}.ready"])
    assert (location.path / name).read_bytes() == (tmp_path / "archives" / run.archive).read_bytes()
    assert (location.path / f"{name}.manifest.json").read_text() == run.manifest
    assert (location.path / f"{name}.ready").read_bytes() == b""
    subprocess.run(["sha256sum", "--check", "--strict", f"{name}.sha256"], cwd=location.path, check=True, capture_output=True)
    sent = Delivery.objects.get()
    assert (sent.status, sent.attempt, sent.failures, sent.size_verified) == (Delivery.Status.DELIVERED, 1, 0, True)
    assert sent.bytes_sent == run.archive_bytes
    assert sent.remote_names == [
        f"{location.folder}/{entry}" for entry in (name, f"{name}.manifest.json", f"{name}.sha256", f"{name}.ready")
    ]


def test_a_chain_of_files_verifies(flow, table, location):
    for number in range(3):
        load_clicks(table, number)
        run_now(flow)
    assert delivery.deliver_waiting(location.server_id) == 3
    assert verify.main([str(location.path)]) == 0
    sorted(location.path.glob("*_2.zip"))[0].unlink()
    assert verify.main([str(location.path)]) == 1


def test_a_dead_server_delays_and_blocks_no_other(flow, table, location):
    dead = Server.objects.create(
        account=flow.account, name="dead", protocol="sftp", host="127.0.0.1", port=1, username="x", host_keys="ssh-ed25519 AAAA"
    )
    away = Location.objects.create(account=flow.account, name="away", server=dead)
    flow.locations.add(away)
    first = run_now(flow)
    second = run_now(flow)
    before = timezone.now()
    assert delivery.deliver_waiting(dead.pk) == 0
    assert delivery.deliver_waiting(location.server_id) == 2
    failed = Delivery.objects.get(location=away, run=first)
    assert (failed.status, failed.failures) == (Delivery.Status.WAITING, 1)
    assert "127.0.0.1" in failed.error
    assert failed.next_attempt_at >= before + timedelta(seconds=60)
    # Growing: 60 s, then 120 s.
    due_now()
    before = timezone.now()
    delivery.deliver_waiting(dead.pk)
    failed.refresh_from_db()
    assert before + timedelta(seconds=119) <= failed.next_attempt_at <= timezone.now() + timedelta(seconds=120)
    assert Delivery.objects.filter(run=second, location=away, status=Delivery.Status.WAITING).count() == 1


def test_after_an_outage_the_files_go_out_in_order(flow, table, location):
    Server.objects.update(port=1)
    runs = []
    for number in range(3):
        load_clicks(table, number)
        runs.append(run_now(flow))
        delivery.deliver_waiting(location.server_id)
    assert names(location) == []
    Server.objects.update(port=location.server.port)
    due_now()
    assert delivery.deliver_waiting(location.server_id) == 3
    sent = list(Delivery.objects.order_by("delivered_at").values_list("run", flat=True))
    assert sent == [run.pk for run in runs]
    assert verify.main([str(location.path)]) == 0


def test_an_earlier_file_that_cannot_go_out_holds_the_later_ones_of_its_flow_only(flow, table, location):
    first = run_now(flow)
    Delivery.objects.update(next_attempt_at=timezone.now() + timedelta(hours=1))
    second = run_now(flow)  # a new file asks for what waits before it as well
    assert Delivery.objects.get(run=first).next_attempt_at <= timezone.now()
    Delivery.objects.filter(run=first).update(status=Delivery.Status.HELD)
    assert delivery.claim(location.server_id) is None
    assert delivery.release_held(location.server) == 1
    assert delivery.claim(location.server_id).run == first
    other = Flow.objects.create(profile_table=table, kind="email_sent", launch_time=flow.launch_time, active=True)
    other.locations.add(location)
    third = run_now(other)
    assert delivery.claim(location.server_id).run == third
    assert Delivery.objects.get(run=second).status == Delivery.Status.WAITING


def test_an_unknown_host_key_holds_what_waits_until_a_person_confirms_it(flow, table, location):
    keys = location.server.host_keys
    Server.objects.update(host_keys="")
    run_now(flow)
    run_now(flow)
    assert delivery.deliver_waiting(location.server_id) == 0
    assert names(location) == []
    held = list(Delivery.objects.order_by("run"))
    assert held[0].status == Delivery.Status.HELD
    assert "SHA256:" in held[0].error
    Server.objects.update(host_keys=keys)
    delivery.release_held(location.server)
    due_now()
    assert delivery.deliver_waiting(location.server_id) == 2


def test_delivered_again_the_same_name_holds_the_same_bytes(flow, table, location):
    load_clicks(table, 1)
    run = run_now(flow)
    delivery.deliver_waiting(location.server_id)
    content = (location.path / run.file_name).read_bytes()
    (location.path / run.file_name).write_bytes(b"damaged")
    (sent,) = reruns.deliver_run_again(run)
    assert sent.status == Delivery.Status.WAITING
    assert delivery.deliver_waiting(location.server_id) == 1
    assert (location.path / run.file_name).read_bytes() == content
    Run.objects.update(archive="")
    with pytest.raises(FlowError, match="no longer kept"):
        reruns.deliver_again(Delivery.objects.get())


def test_what_is_being_sent_is_not_sent_twice(flow, location):
    run_now(flow)
    claimed = delivery.claim(location.server_id)
    assert delivery.claim(location.server_id) is None
    with pytest.raises(FlowError, match="being sent at this moment"):
        reruns.deliver_again(claimed)
    Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert recovery.recover() == (0, 1)
    assert delivery.claim(location.server_id).attempt == 2


def test_a_worker_that_lost_its_claim_stops_the_upload(flow, table, location):
    load_clicks(table, 1)
    run_now(flow)
    frozen = delivery.claim(location.server_id)
    Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert delivery.deliver_waiting(location.server_id) == 1
    before = names(location)
    with delivery.connect(Server.objects.get()) as client:
        assert delivery.attempt(client, frozen) is False
    sent = Delivery.objects.get()
    assert (sent.status, sent.attempt) == (Delivery.Status.DELIVERED, 2)
    assert names(location) == before


def test_connections_to_a_server_are_limited(flow, table, location):
    Server.objects.update(max_connections=2)
    kinds = ["email_sent", "sms_sent", "goal_webvisit"]
    for kind in kinds:
        other = Flow.objects.create(profile_table=table, kind=kind, launch_time=flow.launch_time, active=True)
        other.locations.add(location)
        run_now(other)
    claimed = [delivery.claim(location.server_id) for _ in kinds]
    assert [entry is not None for entry in claimed] == [True, True, False]


def test_a_worker_that_lost_its_claim_begins_no_further_file(flow, table, location):
    """Even when its own clock says that the claim still holds: another worker may be through with the name already."""
    load_clicks(table, 1)
    run = run_now(flow)
    sent = delivery.claim(location.server_id)
    with connect(location.server) as client, Lease(sent) as lease:
        upload = client.upload

        def overtaken(*arguments):
            verified = upload(*arguments)
            Delivery.objects.filter(pk=sent.pk).update(attempt=sent.attempt + 1)
            return verified

        client.upload = overtaken
        with pytest.raises(LeaseLost):
            delivery.send(client, sending.form(sent, lease), location, lease)
    assert names(location) == [run.file_name]


def test_a_lost_archive_is_a_sentence(flow, table, location, tmp_path):
    run = run_now(flow)
    (tmp_path / "archives" / run.archive).unlink()
    assert delivery.deliver_waiting(location.server_id) == 0
    assert Delivery.objects.get().error == "The archive is no longer in the archive storage. Rebuild the run."
    assert names(location) == []


def test_a_portal_only_location_needs_no_server(flow, table):
    portal = Server.objects.create(account=flow.account, name="portal", protocol="portal")
    flow.locations.add(Location.objects.create(account=flow.account, name="portal", server=portal))
    run_now(flow)
    assert delivery.deliver_waiting(portal.pk) == 1
