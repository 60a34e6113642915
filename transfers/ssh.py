"""The SSH connection beneath SFTP: transport, choice of algorithms, and log-in. Nothing is taken from the worker's home or agent."""

import io
from collections.abc import Sequence

import paramiko
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from django.conf import settings
from paramiko.ssh_exception import AuthenticationException, BadAuthenticationType

from . import keys
from .models import Server
from .network import open_socket

_PARAMIKO_KEYS: tuple[tuple[type, type[paramiko.PKey]], ...] = (
    (ed25519.Ed25519PrivateKey, paramiko.Ed25519Key),
    (ec.EllipticCurvePrivateKey, paramiko.ECDSAKey),
    (rsa.RSAPrivateKey, paramiko.RSAKey),
)


def timeout() -> float:
    return float(settings.TRANSFER_TIMEOUT)


def reach(server: Server) -> paramiko.Transport:
    """A TCP connection ready for the handshake. Raises OSError."""
    # Unlike the plain Transport this one asks for the log-in service once, and not before each method; some servers insist.
    transport = paramiko.ServiceRequestingTransport(open_socket(server, timeout()))
    transport.banner_timeout = transport.auth_timeout = transport.channel_timeout = transport.handshake_timeout = timeout()
    transport.daemon = True
    options = transport.get_security_options()
    # AES-GCM first: one pass for secrecy and integrity, by the processor's own instructions.
    options.ciphers = sorted(options.ciphers, key=lambda name: "gcm" not in name)
    return transport


def handshake(transport: paramiko.Transport, kinds: Sequence[str] = (), *, preferred: bool = False) -> paramiko.Transport:
    """Exchanges keys. `kinds`: the host key types to ask for alone, or to ask for first when `preferred`.

    Raises OSError, EOFError or SSHException, the transport closed.
    """
    options = transport.get_security_options()
    if kinds:
        others = [kind for kind in options.key_types if kind not in kinds] if preferred else []
        options.key_types = [kind for kind in options.key_types if kind in kinds] + others
    try:
        transport.start_client(timeout=timeout())
        # start_client returns without a word when its time is up.
        if not transport.initial_kex_done:
            raise TimeoutError
    except BaseException:
        transport.close()
        raise
    transport.set_keepalive(30)
    return transport


def signature_kinds(host_key_lines: Sequence[str]) -> list[str]:
    """The signature algorithms that belong to the types of these keys; an RSA key signs with SHA-2 (RFC 8332)."""
    kinds = []
    for line in host_key_lines:
        kind = line.split()[0]
        kinds += ["rsa-sha2-512", "rsa-sha2-256"] if kind == "ssh-rsa" else [kind]
    return kinds


def paramiko_key(text: str, passphrase: str) -> paramiko.PKey:
    """The private key for paramiko. Raises keys.KeyRefused."""
    key = keys.load(text, passphrase)
    reader = next(reader for kind, reader in _PARAMIKO_KEYS if isinstance(key, kind))
    return reader.from_private_key(io.StringIO(keys.openssh(key)))


def log_in(transport: paramiko.Transport, username: str, password: str, key: paramiko.PKey | None) -> None:
    """Logs in with the key, the password (asked for plainly or by keyboard-interactive), or both where the server wants both.

    Raises AuthenticationException when the server accepts none, SSHException or EOFError when the connection fails.
    """
    left: list[str] | None = None
    if key is not None:
        try:
            left = transport.auth_publickey(username, key)
            if not left:
                return
        except AuthenticationException:
            if not password:
                raise
    if not password:
        raise BadAuthenticationType("More than the key is asked for.", left or [])
    try:
        left = transport.auth_password(username, password, fallback=False) if left is None or "password" in left else left
    except BadAuthenticationType as error:
        left = error.allowed_types
        if "keyboard-interactive" not in left:
            raise
    if left:
        left = transport.auth_interactive(username, lambda title, notes, prompts: [password] * len(prompts))
    if left:
        raise BadAuthenticationType("More is asked for.", left)
