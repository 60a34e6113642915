"""SFTP besides the contract: who the server is, who we are, and servers with odd habits."""

import os
import subprocess

import pytest

from tests.servers import public_half, running_asyncssh, running_sshd, ssh_keygen
from transfers import hostkeys, keys
from transfers.client import connect
from transfers.models import Server

from .conftest import names, no_progress, send


def fingerprint(path):
    done = subprocess.run(["ssh-keygen", "-l", "-E", "sha256", "-f", f"{path}.pub"], capture_output=True, check=True)
    return done.stdout.decode().split()[1]


# --- Host keys -----------------------------------------------------------------------------------------------


def test_an_unknown_host_key_holds_the_delivery_and_is_named(sshd, row, refused, host_key_files):
    server = row(sshd, host_keys="")
    local, remote = sshd.new_folder()
    error = refused(send, server, remote, "a.zip", b"abc")
    assert (error.held, error.permanent) == (True, False)
    assert f"The host key of 127.0.0.1:{sshd.port} has not been confirmed yet: the server shows ssh-ed25519" in str(error)
    assert fingerprint(host_key_files["ed25519"]) in str(error)
    assert Server.objects.get(pk=server.pk).seen_host_key == public_half(host_key_files["ed25519"])
    assert names(local) == []


def test_a_changed_host_key_holds_the_delivery_and_both_are_named(sshd, row, refused, host_key_files, tmp_path):
    other = ssh_keygen(tmp_path / "other", "ed25519")
    server = row(sshd, host_keys=public_half(other))
    local, remote = sshd.new_folder()
    error = refused(send, server, remote, "a.zip", b"abc")
    assert (error.held, error.permanent) == (True, False)
    assert str(error).startswith(
        f"The host key of 127.0.0.1:{sshd.port} has changed: confirmed is ssh-ed25519 {fingerprint(other)}"
    )
    assert f"but the server shows ssh-ed25519 {fingerprint(host_key_files['ed25519'])}" in str(error)
    assert names(local) == []

    server = Server.objects.get(pk=server.pk)
    assert server.seen_host_key == public_half(host_key_files["ed25519"])
    server.host_keys += "\n" + server.seen_host_key
    server.save()
    assert send(server, remote, "a.zip", b"abc") is True
    assert Server.objects.get(pk=server.pk).seen_host_key == ""


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_the_type_of_the_pinned_key_is_asked_for(sshd, row, host_key_files, kind):
    _, remote = sshd.new_folder()
    assert send(row(sshd, host_keys=public_half(host_key_files[kind])), remote, "a.zip", b"abc") is True


def test_fetching_gives_one_key_of_each_type(sshd, row, host_key_files):
    found = hostkeys.fetch(row(sshd, host_keys=""))
    assert found == [public_half(host_key_files[kind]) for kind in ("ed25519", "ecdsa", "rsa")]
    assert [hostkeys.fingerprint(line) for line in found] == [
        fingerprint(host_key_files[kind]) for kind in ("ed25519", "ecdsa", "rsa")
    ]


def test_fetching_from_a_port_without_ssh_says_so(vsftpd, row, refused):
    error = refused(hostkeys.fetch, row(vsftpd, protocol="sftp"))
    assert str(error).startswith(f"Could not fetch the host keys from 127.0.0.1:{vsftpd.port} as {vsftpd.username}: ")


def test_lines_of_known_hosts_are_read(host_key_files):
    line = public_half(host_key_files["rsa"])
    assert hostkeys.lines(f"# ours\n\n[sftp.acme.test]:2222 {line} somebody\n{line}\n") == [line, line]
    with pytest.raises(ValueError, match="must look like"):
        hostkeys.lines("ssh-ed25519 nonsense")


def test_a_server_row_keeps_the_keys_in_the_form_they_are_compared_in(account, host_key_files):
    line = public_half(host_key_files["ed25519"])
    server = Server(account=account, name="s", host="h", username="u", host_keys=f"[h]:22 {line} comment\n")
    server.full_clean()
    assert server.host_keys == line


# --- Log-in --------------------------------------------------------------------------------------------------


@pytest.fixture
def authorized(servers_folder):
    """Lets a public key line in at sshd."""
    path = servers_folder / "authorized_keys"
    yield lambda line: path.write_text(line + "\n")
    path.unlink(missing_ok=True)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
@pytest.mark.parametrize("form", ["openssh", "pem"])
@pytest.mark.parametrize("passphrase", ["", "päss phrase"])
def test_log_in_with_a_key(sshd, row, authorized, tmp_path, kind, form, passphrase):
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-f", path, "-N", passphrase], check=True)
    authorized(public_half(path))
    if form == "pem":
        command = ["ssh-keygen", "-q", "-p", "-m", "PKCS8", "-f", path, "-N", passphrase, "-P", passphrase]
        done = subprocess.run(command, capture_output=True)
        if done.returncode or b"OPENSSH" in path.read_bytes():
            path.write_text(pkcs8(path, passphrase))
    server = row(sshd, password="", private_key=path.read_text(), passphrase=passphrase)
    _, remote = sshd.new_folder()
    assert send(server, remote, "a.zip", b"abc") is True


def pkcs8(path, passphrase):
    """ssh-keygen keeps Ed25519 keys in its own format."""
    from cryptography.hazmat.primitives import serialization

    algorithm = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    key = keys.load(path.read_text(), passphrase)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, algorithm).decode()


def test_log_in_with_a_traditional_pem_key(sshd, row, authorized, tmp_path):
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-m", "PEM", "-f", path, "-N", "secret words"], check=True)
    assert "BEGIN RSA PRIVATE KEY" in path.read_text()
    authorized(public_half(path))
    _, remote = sshd.new_folder()
    assert send(row(sshd, password="", private_key=path.read_text(), passphrase="secret words"), remote, "a.zip", b"abc") is True


def test_log_in_with_a_key_pair_of_the_portal(sshd, row, authorized):
    private, public = keys.make_key_pair()
    assert public.startswith("ssh-ed25519 ")
    assert keys.public_line(private) == public
    authorized(public)
    _, remote = sshd.new_folder()
    assert send(row(sshd, password="", private_key=private), remote, "a.zip", b"abc") is True


def test_key_and_password_together(servers_folder, system_user, host_key_files, row, refused, authorized):
    private, public = keys.make_key_pair()
    authorized(public)
    lines = ["AuthenticationMethods publickey,password"]
    with running_sshd(servers_folder, system_user, [host_key_files["ed25519"]], *lines) as running:
        _, remote = running.new_folder()
        assert send(row(running, private_key=private), remote, "a.zip", b"abc") is True
        for missing_one in ({"private_key": private, "password": ""}, {}):
            error = refused(send, row(running, **missing_one), remote, "a.zip", b"abc")
            assert error.permanent
            assert "Store what the server asks for: a password, a private key, or both." in str(error)


def test_keyboard_interactive(servers_folder, any_user, host_key_files, row, refused):
    with running_asyncssh(servers_folder, any_user, [host_key_files["ed25519"]], interactive=True) as running:
        _, remote = running.new_folder()
        assert send(row(running), remote, "a.zip", b"abc") is True
        error = refused(send, row(running, password="wrong one"), remote, "a.zip", b"abc")
        assert "the server refused the user name or the password" in str(error)


def test_a_key_that_is_not_let_in(sshd, row, refused):
    private, _ = keys.make_key_pair()
    error = refused(send, row(sshd, password="", private_key=private), "", "a.zip", b"abc")
    assert error.permanent
    assert str(error) == (
        f"Could not log in to 127.0.0.1:{sshd.port} as {sshd.username}: the server refused the user name or the key. "
        "Check both with the server's people; a public key must be in the user's authorized_keys there."
    )


@pytest.mark.parametrize(
    ("passphrase", "cause"),
    [
        ("", "the private key is protected by a passphrase, and none is stored. Enter it at the server."),
        ("wrong words", "the passphrase does not open the private key, or the key is damaged. Enter both again."),
    ],
)
@pytest.mark.parametrize("form", ["RFC4716", "PKCS8", "PEM"])
def test_an_encrypted_key_without_its_passphrase(sshd, row, refused, tmp_path, passphrase, cause, form):
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-m", form, "-f", path, "-N", "right words"], check=True)
    error = refused(send, row(sshd, private_key=path.read_text(), passphrase=passphrase), "", "a.zip", b"abc")
    assert error.permanent
    assert str(error) == f"Could not log in to 127.0.0.1:{sshd.port} as {sshd.username}: {cause}"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("PuTTY-User-Key-File-3: ssh-ed25519\n", "Export it in PuTTYgen"),
        ("ssh-ed25519 AAAA", "is not one in OpenSSH or PEM format"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "is damaged"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----", "is damaged"),
    ],
)
def test_what_is_no_private_key_is_refused_in_words(text, sentence):
    with pytest.raises(keys.KeyRefused, match=sentence):
        keys.load(text)


def test_nothing_is_taken_from_the_home_of_the_worker(sshd, row, refused, authorized, tmp_path, monkeypatch):
    home = tmp_path / "home" / ".ssh"
    home.mkdir(parents=True)
    authorized(public_half(ssh_keygen(home / "id_ed25519", "ed25519")))
    monkeypatch.setenv("HOME", str(home.parent))
    assert refused(send, row(sshd, password=""), "", "a.zip", b"abc").permanent


# --- Servers with habits -------------------------------------------------------------------------------------


@pytest.fixture
def with_habits(servers_folder, any_user, host_key_files):
    return lambda *habits, **more: running_asyncssh(
        servers_folder, any_user, [host_key_files["ed25519"]], refuse=list(habits), **more
    )


def test_a_server_without_the_posix_rename(with_habits, row):
    with with_habits("posix_rename") as running:
        local, remote = running.new_folder()
        for data in (b"old", b"newer"):
            assert send(row(running), remote, "a.zip", data) is True
            assert [(path.name, path.read_bytes()) for path in local.iterdir()] == [("a.zip", data)]


def test_a_server_that_forbids_renaming(with_habits, row, refused):
    with with_habits("posix_rename", "rename") as running:
        local, remote = running.new_folder()
        error = refused(send, row(running), remote, "a.zip", b"abc")
        assert "Could not rename .a.zip.part to a.zip on" in str(error)
        assert names(local) == []
        assert send(row(running, can_rename=False), remote, "a.zip", b"abc") is True
        assert names(local) == ["a.zip"]


def test_a_server_that_hides_sizes(with_habits, row):
    with with_habits("stat") as running:
        local, remote = running.new_folder()
        assert send(row(running), remote, "a.zip", b"abc") is False
        assert send(row(running, can_stat=False), remote, "b.zip", b"abc") is False
        assert names(local) == ["a.zip", "b.zip"]


def test_a_direct_upload_that_fails_leaves_no_half_file(sshd, row):
    local, remote = sshd.new_folder()

    def progress(count):
        raise KeyError("lease")

    with pytest.raises(KeyError):
        send(row(sshd, can_rename=False), remote, "a.zip", os.urandom(30_000_000), progress)
    assert names(local) == []


def test_a_user_without_sftp(servers_folder, system_user, host_key_files, row, refused):
    with running_sshd(servers_folder, system_user, [host_key_files["ed25519"]], "ForceCommand /bin/false") as running:
        error = refused(send, row(running), "", "a.zip", b"abc")
        assert str(error).startswith(f"Could not open an SFTP session on 127.0.0.1:{running.port} as {running.username}: ")


def test_a_server_with_old_algorithms_only(servers_folder, system_user, host_key_files, row, refused):
    lines = ["KexAlgorithms diffie-hellman-group14-sha1"]
    with running_sshd(servers_folder, system_user, [host_key_files["ed25519"]], *lines) as running:
        error = refused(send, row(running), "", "a.zip", b"abc")
    assert error.permanent
    assert "the server offers no algorithm that is considered safe today" in str(error)
    assert "Have the SSH server updated" in str(error)


# --- Several channels ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("sessions", [1, 2, 10])
def test_a_large_file_over_as_many_channels_as_the_server_allows(servers_folder, system_user, host_key_files, row, sessions):
    data = os.urandom(20_000_003)
    with running_sshd(servers_folder, system_user, [host_key_files["ed25519"]], f"MaxSessions {sessions}") as running:
        local, remote = running.new_folder()
        with connect(row(running)) as client:
            import io

            assert client.upload(io.BytesIO(data), len(data), remote, "a.zip", no_progress) is True
            assert len(client.channels) == min(4, sessions)
            assert client.upload(io.BytesIO(data), len(data), remote, "b.zip", no_progress) is True
        assert (local / "a.zip").read_bytes() == data
        assert (local / "b.zip").read_bytes() == data


def test_another_major_version_of_paramiko_falls_back_to_its_own_put(sshd, row, monkeypatch):
    monkeypatch.setattr("paramiko.__version__", "6.0.0")
    data = os.urandom(10_000_019)
    local, remote = sshd.new_folder()
    assert send(row(sshd), remote, "a.zip", data) is True
    assert (local / "a.zip").read_bytes() == data
