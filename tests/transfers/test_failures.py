"""What goes wrong on the way: each failure is a sentence, leaves nothing under the final name, and the next try mends it."""

import io
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import paramiko
import pytest

from tests.proxy import Proxy
from tests.servers import missing, running_vsftpd
from transfers.client import connect
from transfers.errors import TransferError

from .conftest import FORKING, SFTP, Hooked, names, no_progress, send

DATA = os.urandom(12_000_001)


@pytest.fixture
def small_disk(running):
    """A folder of the server on a file system of 2 MiB."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        missing("The right to mount")
    local, remote = running.new_folder()
    uid, gid = running.owner or (os.getuid(), os.getgid())
    mount = ["mount", "-t", "tmpfs", "-o", f"size=2m,uid={uid},gid={gid}", "tmpfs", local]
    if subprocess.run(mount, capture_output=True).returncode:
        missing("The right to mount")
    yield local, remote
    subprocess.run(["umount", "-l", local], check=True)


def test_disk_full(running, row, refused, small_disk):
    local, remote = small_disk
    error = refused(send, row(running), remote, "a.zip", DATA)
    assert f"Could not write a.zip on 127.0.0.1:{running.port} as {running.username} in the folder {remote}: the " in str(error)
    assert not error.permanent
    if running.name == "pyftpdlib":  # hangs up without a reply
        assert "the server cut the connection" in str(error)
        assert names(local) in ([], [".a.zip.part"])
    else:
        assert "the disk of the server" in str(error)
        assert names(local) == []


@pytest.mark.parametrize("at", [0, 5_000_000], ids=["at its first byte", "later"])
def test_a_server_that_freezes_in_mid_file(running, row, refused, settings, at):
    """At the first byte, further channels of SFTP are still being opened."""
    local, remote = running.new_folder()
    server = row(running)
    settings.TRANSFER_TIMEOUT = 2
    try:
        error = refused(send, server, remote, "a.zip", Hooked(DATA, at, running.freeze))
    finally:
        running.thaw()
    assert f"write a.zip on 127.0.0.1:{running.port}" in str(error)
    assert "the server did not answer within 2 seconds" in str(error)
    assert not error.permanent
    assert "a.zip" not in names(local)
    settings.TRANSFER_TIMEOUT = 20
    assert send(server, remote, "a.zip", DATA) is True
    assert names(local) == ["a.zip"]
    assert (local / "a.zip").read_bytes() == DATA


def test_a_server_that_freezes_before_the_file_is_sent_no_more(running, row, refused, settings):
    """What is sent to it then, it does when it wakes: it would make a temporary file that nobody comes to remove."""
    local, remote = running.new_folder()
    settings.TRANSFER_TIMEOUT = 2
    with connect(row(running)) as client:
        try:
            running.freeze()
            error = refused(client.upload, io.BytesIO(DATA), len(DATA), remote, "a.zip", no_progress)
        finally:
            running.thaw()
        assert "the server did not answer within 2 seconds" in str(error)
        time.sleep(1)
        assert names(local) == []


@pytest.mark.parametrize("name", SFTP)
def test_a_connection_that_is_cut_at_a_random_byte(name, request, row, refused):
    running = request.getfixturevalue(name)
    local, remote = running.new_folder()
    with Proxy(running.port, cut_after=random.randrange(100_000, len(DATA))) as proxy:
        error = refused(send, row(running, port=proxy.port), remote, "a.zip", DATA)
    assert (
        f"write a.zip on 127.0.0.1:{proxy.port} as {running.username} in the folder {remote}: the server cut the connection"
        in str(error)
    )
    assert not error.permanent
    assert "a.zip" not in names(local)
    assert send(row(running), remote, "a.zip", DATA) is True
    assert names(local) == ["a.zip"]


@pytest.mark.parametrize("name", [*FORKING, "sshd"])
def test_a_session_that_is_killed_at_a_random_byte(name, request, row, refused):
    running = request.getfixturevalue(name)
    local, remote = running.new_folder()

    def kill():
        for pid in running.processes()[1:]:
            os.kill(pid, signal.SIGKILL)

    error = refused(send, row(running), remote, "a.zip", Hooked(DATA, random.randrange(len(DATA) - 300_000), kill))
    assert (
        f"write a.zip on 127.0.0.1:{running.port} as {running.username} in the folder {remote}: the server cut the connection"
        in str(error)
    )
    assert "a.zip" not in names(local)
    assert send(row(running), remote, "a.zip", DATA) is True
    assert names(local) == ["a.zip"]


@pytest.mark.parametrize("cut_after", [10, 500, 1000, 1500])
def test_a_connection_that_is_cut_before_the_log_in_is_done(sshd, row, refused, cut_after):
    with Proxy(sshd.port, cut_after=cut_after) as proxy:
        error = refused(send, row(sshd, port=proxy.port), "", "a.zip", b"abc")
    assert str(error).startswith("Could not ")
    assert f"127.0.0.1:{proxy.port} as {sshd.username}" in str(error)
    assert not error.permanent


@pytest.mark.parametrize("silent_after", [0, 10, 500, *range(1000, 2000, 100)])
def test_a_server_that_falls_silent_before_the_log_in_is_done(sshd, row, refused, settings, silent_after):
    settings.TRANSFER_TIMEOUT = 2
    start = time.monotonic()
    with Proxy(sshd.port, cut_after=silent_after, silent=True) as proxy:
        error = refused(send, row(sshd, port=proxy.port), "", "a.zip", b"abc")
    assert f"127.0.0.1:{proxy.port} as {sshd.username}" in str(error)
    assert not error.permanent
    assert time.monotonic() - start < 15


def test_an_answer_to_the_log_in_that_comes_at_once_is_not_missed(sshd, row, monkeypatch):
    """Widens the gap in which paramiko itself would lose the answer."""
    original = paramiko.Transport._send_message

    def slow(self, message):
        original(self, message)
        if message.asbytes()[:1] == b"\x32":  # SSH_MSG_USERAUTH_REQUEST
            time.sleep(1)

    monkeypatch.setattr(paramiko.Transport, "_send_message", slow)
    _, remote = sshd.new_folder()
    assert send(row(sshd), remote, "a.zip", b"abc") is True


def test_a_source_that_cannot_be_read_is_not_blamed_on_the_server(running, row):
    local, remote = running.new_folder()

    def fail():
        raise OSError("The archive storage is gone.")

    with pytest.raises(OSError, match="The archive storage is gone") as caught:
        send(row(running), remote, "a.zip", Hooked(DATA, 3_000_000, fail))
    assert not isinstance(caught.value, TransferError)
    assert names(local) == []


def test_a_folder_with_ten_thousand_files(running, row):
    local, remote = running.new_folder()
    for number in range(10_000):
        (local / f"{number}.zip").touch()
    assert send(row(running), remote, "a.zip", b"abc") is True
    assert len(names(local)) == 10_001


@pytest.mark.parametrize("name", ["sshd", "asyncssh_server", "vsftpd", "proftpd", "pyftpdlib_server"])
def test_several_uploads_at_once(name, request, row):
    running = request.getfixturevalue(name)
    local, remote = running.new_folder()
    server = row(running)
    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(lambda number: send(server, remote, f"{number}.zip", DATA[: 100_000 * number]), range(12)))
    assert results == [True] * 12
    assert sorted((path.name, path.stat().st_size) for path in local.iterdir()) == sorted(
        (f"{number}.zip", 100_000 * number) for number in range(12)
    )


def test_twenty_uploads_at_once_against_a_server_that_allows_five(servers_folder, system_user, certificates, row):
    sentences, permanent, lock = set(), set(), threading.Lock()
    with running_vsftpd(servers_folder, system_user, certificates, max_clients=5) as running:
        local, remote = running.new_folder()
        server = row(running)

        def until_it_is_there(number):
            for _ in range(200):
                try:
                    return send(server, remote, f"{number}.zip", DATA[:1_000_000])
                except TransferError as error:
                    with lock:
                        sentences.add(str(error))
                        permanent.add(error.permanent)
            return False

        with ThreadPoolExecutor(20) as pool:
            assert list(pool.map(until_it_is_there, range(20))) == [True] * 20
    assert permanent == {False}
    assert any("the server takes no further connection now" in sentence for sentence in sentences)
    assert names(local) == sorted(f"{number}.zip" for number in range(20))
