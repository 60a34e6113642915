"""The one failure of a transfer, a sentence that a person can act on, and what lies behind the network errors of Python."""

import errno
import re
import socket
import ssl
from dataclasses import dataclass

from .models import Server


class TransferError(Exception):
    """A transfer that failed; its text is a sentence with cause and next step, and never holds a secret.

    `permanent`: trying again without a change is in vain. `held`: a person must confirm the server's identity first.
    """

    def __init__(self, message: str, *, permanent: bool = False, held: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.held = held


@dataclass(frozen=True)
class Cause:
    """Why something failed, as the middle of a sentence, and what to do about it, as a sentence of its own."""

    text: str
    advice: str
    permanent: bool = False


RETRY = "The portal tries again by itself"
PREPOSITIONS = {"connect": "to", "log in": "to", "agree on a connection": "with", "fetch the host keys": "from"}


def failure(server: Server, action: str, cause: Cause, folder: str | None = None) -> TransferError:
    """A TransferError such as "Could not log in to ftp.acme.test:21 as acme: the password was refused. Check …"."""
    user = f" as {server.username}" if server.username else ""
    place = "" if folder is None else f" in the {folder_name(folder)}"
    return TransferError(
        f"Could not {action} {PREPOSITIONS.get(action, 'on')} {address(server)}{user}{place}: {cause.text}. {cause.advice}",
        permanent=cause.permanent,
    )


def address(server: Server) -> str:
    """Host and port as people write them: an IPv6 address in brackets, a URL as it is."""
    if "://" in server.host:
        return server.host
    host = f"[{server.host}]" if ":" in server.host else server.host
    return f"{host}:{server.effective_port}"


def folder_name(folder: str) -> str:
    return f"folder {folder}" if folder else "folder after log-in"


def shown(text: object, secrets: tuple[str, ...] = ()) -> str:
    """What a server said, fit for a sentence: one line of at most 200 characters without the secrets, quoted."""
    plain = str(text)
    for secret in secrets:
        plain = plain.replace(secret, "•••") if secret else plain
    plain = re.sub(r"[\x00-\x1f\x7f]+", " ", plain).strip().rstrip(".")
    return f"“{plain[:200]}”" if plain else "nothing more"


def network_cause(error: BaseException, timeout: float) -> Cause:
    """The cause behind an error of a socket or of TLS."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate_cause(error)
    if isinstance(error, ssl.SSLError):
        return _tls_cause(error)
    if isinstance(error, socket.gaierror):
        return Cause("the host name cannot be resolved to an address", f"Check the server's host for a typing error. {RETRY}.")
    if isinstance(error, ConnectionRefusedError):
        return Cause("nothing listens at that port", f"Check host and port, and whether the server runs. {RETRY}.")
    if isinstance(error, TimeoutError):
        return Cause(
            f"the server did not answer within {timeout:g} seconds",
            f"Check host and port, whether the server runs, and the firewalls between. {RETRY}.",
        )
    if isinstance(error, OSError) and error.errno in {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN}:
        return Cause("no network leads there", f"Check the host and the network between. {RETRY}.")
    return Cause("the server cut the connection", f"{RETRY}; if it happens again, ask the server's people for their log.")


def _certificate_cause(error: ssl.SSLCertVerificationError) -> Cause:
    # The codes are X509_V_ERR_* of OpenSSL's x509_vfy.h.
    if error.verify_code in {62, 64}:
        return Cause(
            "its certificate is for another host name",
            "Enter the name that the certificate holds as the server's host, or have the certificate replaced.",
            permanent=True,
        )
    if error.verify_code in {9, 10}:
        return Cause(
            "its certificate is not valid at this time",
            "Have the certificate renewed, or check the clocks.",
            permanent=True,
        )
    if error.verify_code in {2, 18, 19, 20, 21}:
        return Cause(
            "its certificate comes from a CA that is not known here",
            "Enter the PEM of that CA at the server, if its people confirm it.",
            permanent=True,
        )
    return Cause(f"its certificate was not accepted ({error.verify_message})", "Have the certificate replaced.", permanent=True)


def _tls_cause(error: ssl.SSLError) -> Cause:
    reason = error.reason or ""
    if reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}:
        return Cause(
            "it does not speak TLS at that port",
            "Check the port, and whether the protocol is explicit or implicit FTPS.",
            permanent=True,
        )
    if "PROTOCOL" in reason or "NO_SHARED_CIPHER" in reason or "HANDSHAKE_FAILURE" in reason:
        return Cause(
            "it offers no TLS version or cipher that is considered safe today (TLS 1.2 or newer is needed)",
            "Have TLS 1.2 or newer switched on at the server.",
            permanent=True,
        )
    if isinstance(error, ssl.SSLEOFError) or "EOF" in reason:
        return Cause("the server cut the connection", f"{RETRY}; if it happens again, ask the server's people for their log.")
    return Cause(f"TLS failed ({reason or 'no reason given'})", f"{RETRY}; if it stays, ask the server's people for their log.")
