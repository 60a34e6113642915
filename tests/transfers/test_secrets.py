"""Secrets at rest: encrypted, write-only, and brought under a new key by `rotate_secrets`."""

import json

import pytest
from cryptography.fernet import Fernet
from django.core import serializers
from django.core.management import CommandError, call_command
from django.db import connection

from transfers.errors import TransferError
from transfers.models import Server
from transfers.secrets import Secret, SecretError


@pytest.fixture
def server(account):
    made = Server.objects.create(
        account=account, name="s", host="sftp.acme.test", username="acme", password="geheim, très", private_key="the key"
    )
    return Server.objects.get(pk=made.pk)


def stored():
    with connection.cursor() as cursor:
        cursor.execute("SELECT password, private_key, passphrase FROM transfers_server")
        return cursor.fetchone()


def test_a_secret_is_stored_encrypted_and_only_reveal_gives_it(server):
    assert server.password.reveal() == "geheim, très"
    assert server.passphrase.reveal() == ""
    assert "geheim" not in str(stored())
    assert "geheim" not in f"{server.password} {server.password!r} {vars(server)}"
    assert "geheim" not in serializers.serialize("json", [server])
    assert (bool(server.password), bool(server.passphrase)) == (True, False)


def test_rotation_brings_every_secret_under_the_newest_key(server, settings, capsys):
    old, new = settings.FIELD_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    before = stored()
    settings.FIELD_ENCRYPTION_KEYS = [new, old]
    call_command("rotate_secrets")
    assert capsys.readouterr().out == "transfers.Server: 2 secrets rotated, 0 failed.\n"
    assert stored()[0] != before[0]
    assert stored()[2] == ""
    settings.FIELD_ENCRYPTION_KEYS = [new]
    assert Server.objects.get().password.reveal() == "geheim, très"
    assert Server.objects.get().private_key.reveal() == "the key"


def test_a_secret_that_cannot_be_decrypted_is_kept_and_told(server, settings, capsys):
    before = stored()
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(CommandError, match="2 secrets could not be decrypted; they are as they were"):
        call_command("rotate_secrets", "--json")
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"model": "transfers.Server", "rotated": 0, "failed": 2}
    assert "server acme/s, password: The stored secret cannot be decrypted" in printed.err
    assert stored() == before


def test_a_delivery_with_a_secret_that_cannot_be_decrypted_is_a_sentence(server, settings):
    from transfers.client import connect

    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(SecretError):
        server.password.reveal()
    with pytest.raises(TransferError) as caught, connect(server):
        pass
    assert caught.value.permanent
    assert str(caught.value) == (
        "Could not connect to sftp.acme.test: The stored secret cannot be decrypted with the keys in FIELD_ENCRYPTION_KEYS. "
        "Add the key that it was stored with, or enter the secret again."
    )


def test_equal_texts_are_stored_differently(server):
    assert Secret.of("x") != Secret.of("x")
    assert Secret.of("x").reveal() == Secret.of("x").reveal() == "x"
