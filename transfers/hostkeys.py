"""Host keys of SFTP servers: reading the pinned lines, naming them by fingerprint, and fetching them for a person to confirm."""

import base64
import binascii
import hashlib
from itertools import pairwise

import paramiko
from paramiko.ssh_exception import IncompatiblePeer, SSHException

from . import ssh
from .errors import TransferError, failure, network_cause
from .models import Server

# What a server is asked for, one connection each: the names of signature algorithms (RFC 4253, RFC 8332, RFC 5656, RFC 8709).
ASKED = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "rsa-sha2-256"),
)


def lines(text: str) -> list[str]:
    """The host keys in `text`, one a line, as "type base64"; comments, blank lines and host names in front are left out.

    Raises ValueError with a sentence for a line that holds no key.
    """
    found = []
    for line in text.splitlines():
        words = line.split()
        if words and not words[0].startswith("#"):
            found.append(_key(words))
    return found


def _key(words: list[str]) -> str:
    for kind, data in pairwise(words):
        if kind.startswith(("ssh-", "ecdsa-")):
            try:
                blob = base64.b64decode(data, validate=True)
            except binascii.Error:
                break
            if blob[4 : 4 + len(kind)] == kind.encode():
                return f"{kind} {data}"
    raise ValueError("A host key line must look like 'ssh-ed25519 AAAA…', as ssh-keyscan prints it.")


def fingerprint(line: str) -> str:
    """The SHA-256 fingerprint of a host key line, as ssh-keygen prints it: "SHA256:…". Raises ValueError."""
    blob = base64.b64decode(_key(line.split()).split()[1])
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")


def line_of(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {key.get_base64()}"


def fetch(server: Server) -> list[str]:
    """The host keys that the server shows now, at most one of each type. Nothing is saved. Raises TransferError."""
    found = []
    for kinds in ASKED:
        try:
            transport = ssh.handshake(ssh.reach(server), kinds)
        except IncompatiblePeer:
            continue
        except (OSError, EOFError, SSHException) as error:
            raise failure(server, "fetch the host keys", network_cause(error, ssh.timeout())) from None
        try:
            found.append(line_of(transport.get_remote_server_key()))
        finally:
            transport.close()
    if not found:
        raise TransferError(
            f"{server.host} shows no host key of a type that is considered safe today. Have an Ed25519 key made there.",
            permanent=True,
        )
    return found
