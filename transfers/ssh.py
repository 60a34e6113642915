"""The SSH connection beneath SFTP: transport, choice of algorithms, and keys. Nothing is taken from the worker's home or agent."""

import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import paramiko
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from django.conf import settings

from . import keys, login
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
    transport = login.Transport(open_socket(server, timeout()))
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


@contextmanager
def limited(transport: paramiko.Transport, late: threading.Event) -> Iterator[None]:
    """Closes the connection when what is done within takes longer than the time-out, and raises TimeoutError.

    `late` is set before: to other threads that use the connection, its end looks like a cut.
    """

    def give_up() -> None:
        late.set()
        transport.close()

    timer = threading.Timer(timeout(), give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, EOFError, paramiko.SSHException) as error:
        if late.is_set():
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
