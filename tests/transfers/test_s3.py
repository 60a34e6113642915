"""Buckets: the contract once more, on a store that speaks the S3 protocol; and the location without any transfer."""

import io
import os

import pytest

from tests.servers import s3_store
from transfers.client import connect
from transfers.models import Server

from .conftest import send

DATA = os.urandom(20_000_003)


@pytest.fixture
def contents(s3):
    store = s3_store(s3)
    for entry in store.list_objects_v2(Bucket="client").get("Contents", []):
        store.delete_object(Bucket="client", Key=entry["Key"])
    return lambda: {
        entry["Key"]: store.get_object(Bucket="client", Key=entry["Key"])["Body"].read()
        for entry in store.list_objects_v2(Bucket="client").get("Contents", [])
    }


@pytest.mark.parametrize(
    ("folder", "key"), [("client", "été 1.zip"), ("client/in/daily", "in/daily/été 1.zip"), ("/client/x/", "x/été 1.zip")]
)
def test_a_file_arrives_under_its_key(s3, row, contents, folder, key):
    seen = []
    assert send(row(s3), folder, "été 1.zip", DATA, seen.append) is True
    assert contents() == {key: DATA}
    assert seen[-1] == len(DATA)


def test_an_existing_object_is_replaced_and_an_empty_one_arrives(s3, row, contents):
    server = row(s3)
    send(server, "client", "a.zip", b"old and longer")
    send(server, "client", "a.zip", b"new")
    send(server, "client", "a.zip.ready", b"")
    assert contents() == {"a.zip": b"new", "a.zip.ready": b""}


def test_size_read_and_remove(s3, row, contents):
    with connect(row(s3)) as client:
        client.upload(io.BytesIO(DATA), len(DATA), "client/x", "a.zip", lambda count: None)
        assert client.size("client/x", "a.zip") == len(DATA)
        assert client.size("client/x", "b.zip") is None
        assert b"".join(client.read("client/x", "a.zip")) == DATA
        client.remove("client/x", "a.zip")
        client.remove("client/x", "a.zip")
    assert contents() == {}


def test_a_missing_bucket(s3, row, refused):
    error = refused(send, row(s3), "elsewhere/x", "a.zip", b"abc")
    assert error.permanent
    assert str(error) == (
        f"Could not write a.zip on {s3.host} as access in the folder elsewhere/x: the bucket does not exist. "
        "Create it, or correct the folder of the location."
    )


def test_a_store_that_is_down(s3, row, refused):
    error = refused(send, row(s3, host="http://127.0.0.1:1", port=None), "client", "a.zip", b"abc")
    assert not error.permanent
    assert "nothing answers there. Check the end point. The portal tries again by itself." in str(error)


def test_progress_that_raises_leaves_no_object(s3, row, contents):
    class LeaseLost(Exception):
        pass

    class Slow(io.BytesIO):
        def read(self, length=-1):
            import time

            time.sleep(0.3)
            return super().read(length)

    def progress(count):
        raise LeaseLost

    with pytest.raises(LeaseLost):
        send(row(s3), "client", "a.zip", Slow(DATA * 3), progress)
    assert contents() == {}


def test_portal_only_transfers_nothing(account):
    server = Server.objects.create(account=account, name="portal", protocol="portal")
    server.full_clean()
    seen = []
    with connect(server) as client:
        assert client.upload(io.BytesIO(b"abc"), 3, "", "a.zip", seen.append) is True
        assert client.size("", "a.zip") is None
        client.remove("", "a.zip")
    assert seen == [3]
