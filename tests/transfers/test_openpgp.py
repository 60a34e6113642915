"""OpenPGP: keys are checked when they are entered, and what is encrypted opens with GnuPG."""

import io
import os
import shutil
import subprocess
import tempfile

import pytest
from django.core.exceptions import ValidationError

from tests.servers import missing
from transfers import openpgp
from transfers.errors import TransferError
from transfers.models import Location, Server


@pytest.fixture
def gpg():
    """A client's GnuPG with a home of its own."""
    if not shutil.which("gpg"):
        missing("gpg (gnupg)")
    home = tempfile.mkdtemp(prefix="gpg")

    def call(*words, **options):
        command = ["gpg", "--homedir", home, "--batch", "--pinentry-mode", "loopback", "--passphrase", "", *map(str, words)]
        return subprocess.run(command, capture_output=True, check=True, **options).stdout

    yield call
    subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False, capture_output=True)
    shutil.rmtree(home, ignore_errors=True)


def make_key(gpg, user, *, algorithm="default", usage="default", expires="2y"):
    gpg("--quick-generate-key", user, algorithm, usage, expires)
    return gpg("--export", "--armor", user).decode()


def test_recipients_are_shown_with_fingerprint_owner_and_end(gpg):
    text = make_key(gpg, "Zoë Client <zoe@acme.test>") + make_key(gpg, "Second <second@acme.test>", expires="0")
    first, second = openpgp.check(text)
    assert (first.user, second.user) == ("Zoë Client <zoe@acme.test>", "Second <second@acme.test>")
    assert len(first.fingerprint) == 40
    assert first.expires is not None
    assert second.expires is None


def test_each_recipient_opens_the_file_and_gets_the_same_bytes(gpg, tmp_path):
    text = make_key(gpg, "One <one@acme.test>") + make_key(gpg, "Two <two@acme.test>")
    data = os.urandom(3_000_017)
    target = tmp_path / "a.zip.gpg"
    openpgp.encrypt(io.BytesIO(data), text, target)
    assert data[:100] not in target.read_bytes()
    assert target.stat().st_size < len(data) * 1.01
    packets = gpg("--list-packets", target).decode()
    assert packets.count(":pubkey enc packet:") == 2
    assert gpg("--decrypt", target) == data


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"expires": "seconds=1"}, "expired on"),
        ({"algorithm": "ed25519", "usage": "sign"}, "cannot be used for encryption"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused(gpg, options, sentence):
    text = make_key(gpg, "Old <old@acme.test>", **options)
    if "expires" in options:
        import time

        time.sleep(2)
    with pytest.raises(TransferError) as caught:
        openpgp.check(text)
    assert str(caught.value).startswith("The OpenPGP key of Old <old@acme.test> ")
    assert sentence in str(caught.value)
    assert caught.value.permanent


def test_a_revoked_key_is_refused(gpg):
    gpg("--quick-generate-key", "Gone <gone@acme.test>", "default", "default", "0")
    fingerprint = openpgp.check(gpg("--export", "--armor", "gone@acme.test").decode())[0].fingerprint
    home = gpg("--list-keys", "--with-colons", "--fingerprint", "gone@acme.test")
    assert fingerprint.encode() in home
    folder = next(word for word in gpg("--version").decode().splitlines() if word.startswith("Home: "))[6:]
    from pathlib import Path

    certificate = Path(folder) / "openpgp-revocs.d" / f"{fingerprint}.rev"
    certificate.write_text(certificate.read_text().replace(":-----BEGIN", "-----BEGIN"))
    gpg("--import", certificate)
    with pytest.raises(TransferError, match="The OpenPGP key of Gone <gone@acme.test> is revoked"):
        openpgp.check(gpg("--export", "--armor", "gone@acme.test").decode())


def test_a_private_key_is_refused(gpg):
    make_key(gpg, "Mine <mine@acme.test>")
    with pytest.raises(TransferError, match="This is a private OpenPGP key"):
        openpgp.check(gpg("--export-secret-keys", "--armor", "mine@acme.test").decode())


def test_a_location_is_saved_with_usable_keys_only(gpg, account):
    server = Server.objects.create(account=account, name="s", host="h", username="u")
    place = Location(account=account, name="l", server=server, pgp_keys="no key at all")
    with pytest.raises(ValidationError, match="No OpenPGP public key was found"):
        place.full_clean()
    place.pgp_keys = make_key(gpg, "One <one@acme.test>")
    place.full_clean()
