"""Each failure of a real server as support and clients see it: the delivery's state and sentence, the folder, and no secret anywhere."""

import threading
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import Member
from flows import delivery
from flows.models import Delivery, Run
from tests.flows.conftest import load_clicks, run_now
from tests.servers import free_port
from transfers.models import Location, Server

SERVERS = ["sshd", "vsftpd", "proftpd", "pyftpdlib_server"]
SFTP, FTPS = SERVERS[:1], SERVERS[1:]
FOREIGN_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIA8Qa0KKrQyZWDgOo45qOq19o+60i0gg+ibwo6v0/GM"
WAITING, HELD = Delivery.Status.WAITING, Delivery.Status.HELD


@pytest.fixture(autouse=True)
def quick(settings):
    settings.TRANSFER_TIMEOUT = 6  # one of the servers answers a wrong password after three seconds


@pytest.fixture
def send(flow, table, request):
    """A run for a location on a real server with some fields changed: the delivery, and its folder on this machine."""

    def send(name, folder=None, **changes):
        running = request.getfixturevalue(name)
        server = Server.objects.create(account=flow.account, name="target", **running.fields(**changes))
        path, remote = running.new_folder()
        location = Location.objects.create(account=flow.account, name="daily", server=server, folder=folder or remote)
        flow.locations.add(location)
        load_clicks(table, 1)
        run_now(flow)
        delivery.deliver_waiting(server.pk)
        return Delivery.objects.get(), path

    return send


def nowhere(*secrets):
    """No text column of the database, and no page of a member or of support, holds a secret."""
    for model in apps.get_models():
        for row in model._default_manager.values_list():
            assert not any(secret in str(value) for secret in secrets for value in row), model
    member = get_user_model().objects.create_user("kim")
    Member.objects.create(user=member, account=Run.objects.get().account)
    staff = get_user_model().objects.create_superuser("sam")
    run = Run.objects.get()
    for user, pages in (
        (member, ["/history/", f"/runs/{run.pk}/"]),
        (staff, [f"/admin/flows/run/{run.pk}/change/", "/admin/flows/delivery/"]),
    ):
        client = Client()
        client.force_login(user)
        for page in pages:
            answer = client.get(page)
            assert answer.status_code == 200
            assert not any(secret in answer.content.decode() for secret in secrets)


def failed(sent, path, status, *sentences):
    """The state and sentence of a failed delivery, and that its folder is empty."""
    assert (sent.status, sent.failures, sent.delivered_at, sent.remote_names) == (status, 1, None, [])
    for sentence in sentences:
        assert sentence in sent.error
    assert (sent.next_attempt_at is None) == (status == HELD)
    assert list(path.iterdir()) == []


@pytest.mark.parametrize("name", SERVERS)
def test_a_wrong_password(send, name, caplog):
    sent, path = send(name, password="Wr0ng-and-secret")
    failed(sent, path, WAITING, "127.0.0.1")
    # Only people can mend it, perhaps on their side: tried at the longest delay.
    assert sent.next_attempt_at > timezone.now() + timedelta(minutes=50)
    nowhere("Wr0ng-and-secret")
    assert "Wr0ng-and-secret" not in caplog.text


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_is_down(send, name):
    sent, path = send(name, port=free_port())
    failed(sent, path, WAITING, "127.0.0.1")
    assert sent.next_attempt_at < timezone.now() + timedelta(minutes=2)


@pytest.mark.parametrize("name", SERVERS)
def test_a_missing_folder(send, name):
    sent, path = send(name, folder="/no/such/folder")
    failed(sent, path, WAITING, "/no/such/folder")


@pytest.mark.parametrize("name", SFTP)
@pytest.mark.parametrize("host_keys", ["", FOREIGN_KEY], ids=["unknown", "changed"])
def test_a_host_key_that_is_unknown_or_changed_is_held(send, name, host_keys):
    sent, path = send(name, host_keys=host_keys)
    failed(sent, path, HELD, "SHA256:")
    assert sent.location.server.seen_host_key


@pytest.mark.parametrize("name", FTPS)
def test_an_unknown_ca_and_a_wrong_host_name(send, name):
    sent, path = send(name, ca_certificate="")
    failed(sent, path, WAITING, "certificate")


@pytest.mark.parametrize("name", ["sshd", "vsftpd"])
def test_a_frozen_server_ends_in_a_retry_and_blocks_no_other(send, name, request, flow, table):
    """The file goes out once the server answers again; meanwhile the deliveries of another server go on."""
    running = request.getfixturevalue(name)
    other = Server.objects.create(account=flow.account, name="portal", protocol="portal")
    server = Server.objects.create(account=flow.account, name="target", **running.fields())
    path, remote = running.new_folder()
    for target, folder in ((other, ""), (server, remote)):
        flow.locations.add(Location.objects.create(account=flow.account, name=target.name, server=target, folder=folder))
    load_clicks(table, 1)
    run = run_now(flow)
    made = []

    def deliver():
        try:
            made.append(delivery.deliver_waiting(server.pk))
        finally:
            connection.close()

    waiting = threading.Thread(target=deliver)
    running.freeze()
    try:
        waiting.start()
        assert delivery.deliver_waiting(other.pk) == 1
        assert made == []
        waiting.join(30)
    finally:
        running.thaw()
    assert made == [0]
    sent = Delivery.objects.get(location__server=server)
    failed(sent, path, WAITING, "127.0.0.1")
    Delivery.objects.filter(pk=sent.pk).update(next_attempt_at=timezone.now())
    assert delivery.deliver_waiting(server.pk) == 1
    assert [entry.name for entry in path.iterdir()] == [run.file_name]
