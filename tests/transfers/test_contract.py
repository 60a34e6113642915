"""What every protocol keeps, against every server: the file, its name, its failures."""

import io
import os

import pytest

from transfers.client import connect
from transfers.errors import TransferError

from .conftest import send

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


def test_a_wrong_password_is_refused(running, row):
    with pytest.raises(TransferError) as caught:
        send(row(running, password="something else"), "", "a.zip", b"abc")
    assert caught.value.permanent
    text = str(caught.value)
    assert text.startswith(f"Could not log in on 127.0.0.1:{running.port} as {running.username}: the server refused")
    assert "something else" not in text


def test_a_missing_folder_is_named(running, row):
    with pytest.raises(TransferError) as caught:
        send(row(running), "no/such/folder", "a.zip", b"abc")
    text = str(caught.value)
    assert text.startswith(
        f"Could not write a.zip on 127.0.0.1:{running.port} as {running.username} in the folder no/such/folder: the folder"
    ), text
    assert "does not exist" in text
    assert text.endswith("Create it on the server, or correct the folder of the location.")
    assert caught.value.permanent


def test_a_folder_that_is_read_only_is_named(running, row):
    local, remote = running.new_folder(mode=0o555)
    with pytest.raises(TransferError) as caught:
        send(row(running), remote, "a.zip", b"abc")
    text = str(caught.value)
    assert f"in the folder {remote}: the server gives no permission" in text
    assert caught.value.permanent
    assert list(local.iterdir()) == []


def test_progress_that_raises_ends_the_upload_and_removes_the_temporary_file(running, row):
    local, remote = running.new_folder()

    class LeaseLost(Exception):
        pass

    def progress(count):
        raise LeaseLost

    with pytest.raises(LeaseLost):
        send(row(running), remote, "a.zip", DATA * 20, progress)
    assert list(local.iterdir()) == []


def test_a_server_that_is_down(row, sshd, vsftpd):
    for running in (sshd, vsftpd):
        with pytest.raises(TransferError) as caught:
            send(row(running, port=1), "", "a.zip", b"abc")
        assert str(caught.value) == (
            f"Could not connect on 127.0.0.1:1 as {running.username}: nothing listens at that port. "
            "Check host and port, and whether the server runs. The portal tries again by itself."
        )
        assert not caught.value.permanent


def test_a_name_that_cannot_be_resolved(row, sshd, vsftpd):
    for running in (sshd, vsftpd):
        with pytest.raises(TransferError) as caught:
            send(row(running, host="nowhere.invalid"), "", "a.zip", b"abc")
        assert "the host name cannot be resolved to an address" in str(caught.value)
        assert not caught.value.permanent
