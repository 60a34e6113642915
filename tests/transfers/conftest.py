"""What the tests of transfers share: a server row for each running server, and texts without secrets."""

import io

import pytest

from accounts.models import Account
from transfers.client import connect
from transfers.models import Location, Server

SERVERS = [
    "sshd", "asyncssh_server", "vsftpd", "vsftpd_implicit", "proftpd", "proftpd_implicit", "pure_ftpd", "pyftpdlib_server",
]  # fmt: skip


@pytest.fixture
def account(db):
    return Account.objects.create(name="acme", label="Acme", time_zone="Europe/Brussels")


@pytest.fixture(autouse=True)
def short_time_out(settings):
    settings.TRANSFER_TIMEOUT = 20


@pytest.fixture(params=SERVERS)
def running(request):
    """Every kind of server in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def row(account):
    """Makes the row of a running server, read back from the database as a worker does."""

    def make(running, **changes):
        server = Server.objects.create(account=account, name=f"s{Server.objects.count()}", **running.fields(**changes))
        return Server.objects.get(pk=server.pk)

    return make


@pytest.fixture
def location(account):
    def make(server, folder):
        return Location.objects.create(account=account, name=f"l{Location.objects.count()}", server=server, folder=folder)

    return make


@pytest.fixture
def silent(caplog, running_secrets):
    """At the end, no secret of a server that the test used is in any log record."""
    caplog.set_level("DEBUG")
    yield
    for secret in running_secrets:
        assert secret not in caplog.text


@pytest.fixture
def running_secrets():
    return []


def no_progress(count):
    pass


def send(server, folder, name, data, progress=no_progress):
    with connect(server) as client:
        return client.upload(io.BytesIO(data), len(data), folder, name, progress)
