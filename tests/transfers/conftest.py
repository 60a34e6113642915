"""What the tests of transfers share: a server row for each running server, and the watch for secrets."""

import io
import logging
import traceback

import pytest
from django.db import connection

from accounts.models import Account
from transfers.client import connect
from transfers.errors import TransferError
from transfers.models import Location, Server

SFTP = ["sshd", "asyncssh_server"]
FORKING = ["vsftpd", "vsftpd_implicit", "proftpd", "proftpd_implicit", "pure_ftpd"]
SERVERS = [*SFTP, *FORKING, "pyftpdlib_server"]


@pytest.fixture
def account(db):
    return Account.objects.create(name="acme", label="Acme", time_zone="Europe/Brussels")


@pytest.fixture(autouse=True)
def time_out(settings):
    settings.TRANSFER_TIMEOUT = 20


@pytest.fixture(params=SERVERS)
def running(request):
    """Every kind of server in turn."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def secrets(caplog):
    """The secrets of the servers that a test uses; at its end none of them is in a log or in the database."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="paramiko")
    found = set()
    yield found
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM transfers_server")
        rows = str(cursor.fetchall())
    for secret in found:
        assert secret not in caplog.text
        assert secret not in rows


@pytest.fixture
def row(account, secrets):
    """Makes the row of a running server, read back from the database as a worker does."""

    def make(running, **changes):
        fields = running.fields(**changes)
        server = Server.objects.create(account=account, name=f"s{Server.objects.count()}", **fields)
        for name in ("password", "passphrase"):
            secrets.update({fields[name]} if fields.get(name) else set())
        secrets.update(line for line in fields.get("private_key", "").splitlines() if len(line) > 20 and "-----" not in line)
        return Server.objects.get(pk=server.pk)

    return make


@pytest.fixture
def location(account):
    def make(server, folder):
        return Location.objects.create(account=account, name=f"l{Location.objects.count()}", server=server, folder=folder)

    return make


@pytest.fixture
def refused(secrets):
    """Calls something that must end in a TransferError, and gives that; neither its text nor its traceback holds a secret."""

    def call(action, *args, **options):
        with pytest.raises(TransferError) as caught:
            action(*args, **options)
        whole = "".join(traceback.format_exception(caught.value))
        for secret in secrets:
            assert secret not in whole
        return caught.value

    return call


class Hooked(io.BytesIO):
    """A source that does something once, when it is read from byte `at` on."""

    def __init__(self, data, at, action):
        super().__init__(data)
        self.at, self.action = at, action

    def read(self, length=-1):
        if self.action and self.tell() >= self.at:
            action, self.action = self.action, None
            action()
        return super().read(length)


def no_progress(count):
    pass


def send(server, folder, name, data, progress=no_progress):
    source = data if isinstance(data, io.IOBase) else io.BytesIO(data)
    size = source.getbuffer().nbytes
    with connect(server) as client:
        return client.upload(source, size, folder, name, progress)


def names(folder):
    return sorted(path.name for path in folder.iterdir())
