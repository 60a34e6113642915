"""What every protocol keeps, against every server: the file, its name, its failures."""

import io
import os
import tracemalloc

import pytest

from transfers.client import connect

from .conftest import names, send

DATA = os.urandom(3_000_017)


def test_a_file_arrives_under_its_name_and_nothing_else_is_left(running, row):
    local, remote = running.new_folder()
    seen = []
    assert send(row(running), remote, "clicks_20261123.zip", DATA, seen.append) is True
    assert [path.name for path in local.iterdir()] == ["clicks_20261123.zip"]
    assert (local / "clicks_20261123.zip").read_bytes() == DATA
    assert seen[-1] == len(DATA)


def test_an_empty_file_arrives(running, row):
    local, remote = running.new_folder()
    assert send(row(running), remote, "clicks.zip.ready", b"") is True
    assert (local / "clicks.zip.ready").read_bytes() == b""


def test_several_files_go_over_one_connection_into_several_folders(running, row):
    first, second = running.new_folder(), running.new_folder()
    with connect(row(running)) as client:
        for local, remote in (first, second, first):
            for name in ("a.zip", "b.zip"):
                assert client.upload(io.BytesIO(name.encode()), 5, remote, name, lambda count: None) is True
                assert (local / name).read_bytes() == name.encode()


def test_the_folder_may_be_relative_to_the_one_after_log_in(running, row):
    local, _ = running.new_folder()
    send(row(running), local.name, "a.zip", b"abc")
    send(row(running), local.name + "/", "b.zip", b"abc")
    assert sorted(path.name for path in local.iterdir()) == ["a.zip", "b.zip"]


def test_a_folder_that_cannot_be_entered_does_not_lead_the_next_one_astray(running, row, refused):
    first, _ = running.new_folder()
    second, remote = running.new_folder()
    with connect(row(running)) as client:
        put = lambda folder: client.upload(io.BytesIO(b"abc"), 3, folder, "a.zip", lambda count: None)  # noqa: E731
        assert put(remote) is True
        refused(put, "/no/such/folder")
        assert put(first.name) is True
        refused(put, "no/such/folder")
        assert put("") is True
    assert names(first) == names(second) == ["a.zip"]
    (running.root / "a.zip").unlink()


def test_an_existing_file_is_replaced(running, row):
    local, remote = running.new_folder()
    server = row(running)
    send(server, remote, "a.zip", b"old and longer")
    assert send(server, remote, "a.zip", b"new") is True
    assert [(path.name, path.read_bytes()) for path in local.iterdir()] == [("a.zip", b"new")]


def test_a_leftover_of_a_dead_upload_is_removed_first(running, row):
    local, remote = running.new_folder()
    leftover = local / ".a.zip.part"
    leftover.write_bytes(b"half of something longer")
    if running.owner:
        os.chown(leftover, *running.owner)
    assert send(row(running), remote, "a.zip", b"new") is True
    assert [(path.name, path.read_bytes()) for path in local.iterdir()] == [("a.zip", b"new")]


@pytest.mark.parametrize("name", ["été à Liège.zip", "two  blanks.zip", "名前.zip"])
def test_names_with_blanks_and_accents(running, row, name):
    local, remote = running.new_folder()
    assert send(row(running), remote, name, b"abc") is True
    assert [path.name for path in local.iterdir()] == [name]


def test_size_read_and_remove(running, row):
    local, remote = running.new_folder()
    with connect(row(running)) as client:
        client.upload(io.BytesIO(DATA), len(DATA), remote, "a.zip", lambda count: None)
        assert client.size(remote, "a.zip") == len(DATA)
        assert client.size(remote, "b.zip") is None
        assert b"".join(client.read(remote, "a.zip")) == DATA
        client.remove(remote, "a.zip")
        client.remove(remote, "a.zip")
    assert list(local.iterdir()) == []


def test_a_wrong_password_is_refused(running, row, refused):
    error = refused(send, row(running, password="something else"), "", "a.zip", b"abc")
    assert error.permanent
    assert str(error).startswith(f"Could not log in to 127.0.0.1:{running.port} as {running.username}: the server refused")


def test_a_missing_folder_is_named(running, row, refused):
    error = refused(send, row(running), "no/such/folder", "a.zip", b"abc")
    place = f"127.0.0.1:{running.port} as {running.username} in the folder no/such/folder"
    assert str(error).startswith(f"Could not write a.zip on {place}: the folder no/such/folder does not exist")
    assert str(error).endswith("Create it on the server, or correct the folder of the location.")
    assert error.permanent


def test_a_folder_that_is_read_only_is_named(running, row, refused):
    local, remote = running.new_folder(mode=0o555)
    error = refused(send, row(running), remote, "a.zip", b"abc")
    assert f"in the folder {remote}: the server gives no permission" in str(error)
    assert error.permanent
    assert names(local) == []


def test_progress_that_raises_ends_the_upload_and_removes_the_temporary_file(running, row):
    local, remote = running.new_folder()

    class LeaseLost(Exception):
        pass

    def progress(count):
        raise LeaseLost

    with pytest.raises(LeaseLost):
        send(row(running), remote, "a.zip", DATA * 20, progress)
    assert list(local.iterdir()) == []


@pytest.mark.parametrize("name", ["sshd", "vsftpd", "vsftpd_implicit"])
def test_a_server_that_is_down(name, request, row, refused):
    running = request.getfixturevalue(name)
    error = refused(send, row(running, port=1), "", "a.zip", b"abc")
    assert str(error) == (
        f"Could not connect to 127.0.0.1:1 as {running.username}: nothing listens at that port. "
        "Check host and port, and whether the server runs. The portal tries again by itself."
    )
    assert not error.permanent


@pytest.mark.parametrize("name", ["sshd", "vsftpd", "vsftpd_implicit"])
def test_a_name_that_cannot_be_resolved(name, request, row, refused):
    running = request.getfixturevalue(name)
    error = refused(send, row(running, host="nowhere.invalid"), "", "a.zip", b"abc")
    assert str(error) == (
        f"Could not connect to nowhere.invalid:{running.port} as {running.username}: the host name cannot be resolved to an "
        "address. Check the server's host for a typing error. The portal tries again by itself."
    )
    assert not error.permanent


def test_the_memory_of_an_upload_does_not_grow_with_the_file(sshd, vsftpd, row):
    """What Python holds at its peak, for a file ten times as large as another."""

    class Zeros(io.RawIOBase):
        at = 0

        def tell(self):
            return self.at

        def seek(self, offset, whence=0):
            self.at = offset
            return offset

        def read(self, length=-1):
            self.at += length
            return bytes(length)

    def peak(client, remote, size):
        tracemalloc.start()
        assert client.upload(Zeros(), size, remote, "a.zip", lambda count: None) is True
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    for running in (sshd, vsftpd):
        _, remote = running.new_folder()
        with connect(row(running)) as client:
            small, large = (peak(client, remote, size) for size in (12_000_000, 120_000_000))
        assert large < small + 8 * 2**20
        assert large < 32 * 2**20
