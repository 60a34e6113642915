"""The demo's SFTP and FTPS servers: asyncssh and pyftpdlib on loopback, each with one folder, a password, and an identity
made at first start. Run as a process of its own, with the demo's folder on its command line.
"""

import asyncio
import json
import sys
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import asyncssh
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import TLS_FTPHandler
from pyftpdlib.servers import ThreadedFTPServer

HOST = "127.0.0.1"
USER = "demo"


def private(path: Path, content: bytes) -> None:
    """Writes a file that only its owner reads."""
    path.touch(mode=0o600)
    path.write_bytes(content)


def make_ssh_keys(folder: Path) -> None:
    """`host_key` of the SFTP server and `client_key` of the portal, both Ed25519 in OpenSSH format, with their `.pub`."""
    for name in ("host_key", "client_key"):
        if not (folder / f"{name}.pub").exists():
            key = asyncssh.generate_private_key("ssh-ed25519", comment=f"demo {name}")
            private(folder / name, key.export_private_key())
            (folder / f"{name}.pub").write_bytes(key.export_public_key())


def make_certificates(folder: Path) -> None:
    """`ca.pem`, a private CA, and `ftps.pem`, the key and the certificate of the FTPS server that it signed."""
    if (folder / "ftps.pem").exists() and (folder / "ca.pem").exists():
        return
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Demo CA")])
    ca = _certificate(ca_name, ca_name, ca_key.public_key(), ca_key.public_key(), ca=True).sign(ca_key, hashes.SHA256())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    leaf = (
        _certificate(name, ca_name, key.public_key(), ca_key.public_key(), ca=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address(HOST))]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private(folder / "ftps.pem", pem + leaf.public_bytes(serialization.Encoding.PEM))


def _certificate(subject: x509.Name, issuer: x509.Name, key: Any, issuer_key: Any, *, ca: bool) -> x509.CertificateBuilder:
    """With the key identifiers and usages that OpenSSL 3 asks for in strict mode."""
    now = datetime.now(UTC)
    usage = dict.fromkeys(
        ["content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"], False
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, **usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


class SFTPLogin(asyncssh.SSHServer):
    """Lets the demo's user in by the password or by the portal's key."""

    password = ""

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return username == USER and password == self.password


async def serve_sftp(keys: Path, folder: Path, port: int, password: str) -> None:
    """Serves `folder` as `/` until the process ends."""
    login = type("Login", (SFTPLogin,), {"password": password})
    await asyncssh.create_server(
        login,
        HOST,
        port,
        server_host_keys=[str(keys / "host_key")],
        authorized_client_keys=str(keys / "client_key.pub"),
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(folder).encode()),
    )
    await asyncio.Event().wait()


def start_ftps(keys: Path, folder: Path, port: int, password: str) -> None:
    """Serves `folder` over explicit TLS, control and data channel protected, in a thread."""
    authorizer = DummyAuthorizer()
    authorizer.add_user(USER, password, str(folder), perm="elradfmwMT")
    handler = type(
        "Handler",
        (TLS_FTPHandler,),
        {
            "certfile": str(keys / "ftps.pem"),
            "authorizer": authorizer,
            "tls_control_required": True,
            "tls_data_required": True,
            "banner": "Demo FTPS server",
        },
    )
    server = ThreadedFTPServer((HOST, port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main(place: str) -> None:
    """`place` is the demo's folder: the ports and the password are in its `state.json`."""
    folder = Path(place)
    state = json.loads((folder / "state.json").read_text())
    start_ftps(folder / "keys", folder / "ftps", state["ftps_port"], state["server_password"])
    asyncio.run(serve_sftp(folder / "keys", folder / "sftp", state["sftp_port"], state["server_password"]))


if __name__ == "__main__":
    main(sys.argv[1])
