"""FTPS besides the contract: certificates, passive addresses, encodings, and servers with odd habits."""

import hashlib
import ssl

import pytest
from django.core.exceptions import ValidationError

from tests.servers import make_certificates, running_pyftpdlib, running_vsftpd
from transfers.client import connect
from transfers.models import Server

from .conftest import names, send


@pytest.mark.parametrize("name", ["vsftpd", "vsftpd_implicit", "proftpd", "pyftpdlib_server"])
def test_an_unknown_ca(name, request, row, refused):
    running = request.getfixturevalue(name)
    error = refused(send, row(running, ca_certificate=""), "", "a.zip", b"abc")
    assert error.permanent
    assert str(error) == (
        f"Could not agree on a connection with 127.0.0.1:{running.port} as {running.username}: its certificate comes from a CA "
        "that is not known here. Enter the PEM of that CA at the server, if its people confirm it."
    )


@pytest.mark.parametrize("name", ["vsftpd", "proftpd_implicit"])
def test_a_certificate_for_another_host_name(name, request, row, refused):
    running = request.getfixturevalue(name)
    error = refused(send, row(running, host="localhost"), "", "a.zip", b"abc")
    assert error.permanent
    assert "its certificate is for another host name" in str(error)


def test_a_certificate_that_has_ended(servers_folder, any_user, row, refused):
    ended = make_certificates(servers_folder / "ended", days=-1)
    with running_pyftpdlib(servers_folder, any_user, ended) as running:
        error = refused(send, row(running), "", "a.zip", b"abc")
    assert error.permanent
    assert "its certificate is not valid at this time. Have the certificate renewed, or check the clocks." in str(error)


def test_a_pinned_certificate(vsftpd, pure_ftpd, row, refused, certificates):
    der = ssl.PEM_cert_to_DER_cert(certificates.certificate.read_text())
    digest = hashlib.sha256(der).hexdigest()
    pasted = ":".join(digest[at : at + 2].upper() for at in range(0, 64, 2))
    for running in (vsftpd, pure_ftpd):
        local, remote = running.new_folder()
        assert send(row(running, pinned_certificate=pasted), remote, "a.zip", b"abc") is True
        error = refused(send, row(running, pinned_certificate="0" * 64), remote, "b.zip", b"abc")
        assert error.permanent
        assert f"pinned is the certificate {'0' * 64}, but the server shows {digest}" in str(error)
        assert names(local) == ["a.zip"]


@pytest.mark.parametrize("name", ["vsftpd", "vsftpd_implicit", "proftpd", "proftpd_implicit"])
def test_tls_1_2_only(name, request, row):
    running = request.getfixturevalue(name)
    local, remote = running.new_folder()
    with connect(row(running, tls12_only=True)) as client:
        assert client.ftp.sock.version() == "TLSv1.2"
    for number in range(3):
        assert send(row(running, tls12_only=True), remote, f"{number}.zip", b"abc") is True
    assert names(local) == ["0.zip", "1.zip", "2.zip"]


def test_plain_ftp_is_refused(servers_folder, system_user, certificates, row, refused):
    options = {"ssl_enable": "NO", "implicit_ssl": "NO", "require_ssl_reuse": "NO"}
    with running_vsftpd(servers_folder, system_user, certificates, **options) as running:
        local, remote = running.new_folder()
        error = refused(send, row(running), remote, "a.zip", b"abc")
        assert names(local) == []
    assert error.permanent
    assert "the server does not offer TLS" in str(error)
    assert "plain FTP is refused because it shows the password to everyone" in str(error)


def test_implicit_where_the_server_is_explicit(vsftpd, row, refused):
    error = refused(send, row(vsftpd, protocol="ftps_implicit"), "", "a.zip", b"abc")
    assert error.permanent
    assert "it does not speak TLS at that port" in str(error)
    assert "explicit or implicit FTPS" in str(error)


def test_explicit_where_the_server_is_implicit(vsftpd_implicit, row, refused, settings):
    settings.TRANSFER_TIMEOUT = 2
    error = refused(send, row(vsftpd_implicit, protocol="ftps"), "", "a.zip", b"abc")
    assert "the server did not answer within 2 seconds" in str(error)


def test_an_ssh_server_behind_the_port(sshd, row, refused, certificates, settings):
    settings.TRANSFER_TIMEOUT = 2
    error = refused(send, row(sshd, protocol="ftps"), "", "a.zip", b"abc")
    assert str(error).startswith(f"Could not connect to 127.0.0.1:{sshd.port} as {sshd.username}: ")


def test_a_foreign_passive_address_is_passed_over_unless_it_is_trusted(
    servers_folder, system_user, certificates, row, refused, settings
):
    settings.TRANSFER_TIMEOUT = 3
    with running_vsftpd(servers_folder, system_user, certificates, pasv_address="192.0.2.1") as running:
        local, remote = running.new_folder()
        assert send(row(running), remote, "a.zip", b"abc") is True
        error = refused(send, row(running, trust_passive_address=True), remote, "b.zip", b"abc")
        assert "Could not write b.zip on" in str(error)
        assert not error.permanent
        assert names(local) == ["a.zip"]


def test_a_close_that_is_never_answered(servers_folder, any_user, certificates, row, settings):
    settings.TRANSFER_TIMEOUT = 5
    with running_pyftpdlib(servers_folder, any_user, certificates, silent_close=True) as running:
        local, remote = running.new_folder()
        for number in range(3):
            assert send(row(running), remote, f"{number}.zip", b"abc" * 1_000_000) is True
        assert [path.stat().st_size for path in local.iterdir()] == [3_000_000] * 3


def test_names_in_latin_1(servers_folder, any_user, certificates, row, refused):
    with running_pyftpdlib(servers_folder, any_user, certificates, encoding="latin-1") as running:
        local, remote = running.new_folder()
        server = row(running, encoding="latin-1", username="client-1", password="not the right one")
        error = refused(send, server, remote, "a.zip", b"abc")
        assert "the server refused the user name or the password" in str(error)
        assert send(row(running, encoding="latin-1"), remote, "été.zip", b"abc") is True
        assert names(local) == ["été.zip"]
        error = refused(send, row(running, encoding="latin-1"), remote, "名.zip", b"abc")
        assert error.permanent
        assert "the name cannot be written in latin-1" in str(error)


def test_a_server_that_hides_sizes(servers_folder, any_user, certificates, row):
    with running_pyftpdlib(servers_folder, any_user, certificates, refuse=["SIZE"]) as running:
        local, remote = running.new_folder()
        assert send(row(running), remote, "a.zip", b"abc") is False
        assert send(row(running, can_stat=False), remote, "b.zip", b"abc") is False
        assert names(local) == ["a.zip", "b.zip"]


def test_a_server_that_forbids_renaming(servers_folder, any_user, certificates, row, refused):
    with running_pyftpdlib(servers_folder, any_user, certificates, refuse=["RNFR", "RNTO"]) as running:
        local, remote = running.new_folder()
        error = refused(send, row(running), remote, "a.zip", b"abc")
        assert "Could not rename .a.zip.part to a.zip on" in str(error)
        assert names(local) == []
        assert send(row(running, can_rename=False), remote, "a.zip", b"abc") is True
        assert names(local) == ["a.zip"]


def test_what_identifies_a_server_is_checked_when_it_is_saved(account):
    server = Server(account=account, name="s", protocol="ftps", host="h", username="u")
    server.full_clean()
    server.ca_certificate = "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----"
    with pytest.raises(ValidationError, match="The CA certificate is not PEM"):
        server.full_clean()
    server.ca_certificate, server.pinned_certificate = "", "12:34"
    with pytest.raises(ValidationError, match="64 hexadecimal digits"):
        server.full_clean()
