"""FTP over TLS (RFC 4217, and the older implicit kind) on ftplib: verified certificates, one TLS session for both channels."""

import ftplib
import hashlib
import re
import socket
import ssl
from typing import Any

from .models import Server
from .network import tune


class Connection(ftplib.FTP_TLS):
    """FTP over TLS whose data channel goes on with the TLS session of the control channel, as strict servers demand."""

    def __init__(self, server: Server, timeout: float, context: ssl.SSLContext) -> None:
        super().__init__(timeout=timeout, context=context, encoding=server.encoding)
        self.implicit = server.protocol == Server.Protocol.FTPS_IMPLICIT
        self.trust_server_pasv_ipv4_address = server.trust_passive_address
        self.pin = digits(server.pinned_certificate)

    def reach(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.sock = socket.create_connection((host, port), self.timeout)
        tune(self.sock)
        self.af = self.sock.family
        if not self.implicit:
            self._greet()

    def secure(self) -> None:
        """Puts TLS on the control channel and checks the certificate's fingerprint where one is pinned."""
        assert self.sock is not None
        if self.implicit:
            self.sock = self.context.wrap_socket(self.sock, server_hostname=self.host)
            self._greet()
        else:
            self.auth()
        self.check_pin(self.sock)

    def _greet(self) -> None:
        assert self.sock is not None
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        plain, size = super(ftplib.FTP_TLS, self).ntransfercmd(cmd, rest)
        assert isinstance(self.sock, ssl.SSLSocket)
        try:
            tune(plain)
            data = self.context.wrap_socket(plain, server_hostname=self.host, session=self.sock.session)
            if not data.session_reused:
                self.check_pin(data)
        except BaseException:
            plain.close()
            raise
        return data, size

    def check_pin(self, sock: socket.socket) -> None:
        if self.pin and self.pin != certificate_digest(sock):
            raise StrangeCertificate(certificate_digest(sock))


class StrangeCertificate(Exception):
    """The server's certificate is not the pinned one; the text is its SHA-256."""


def certificate(sock: Any) -> bytes:
    """The server's certificate, in DER."""
    return bytes(sock.getpeercert(binary_form=True) or b"")


def certificate_digest(sock: Any) -> str:
    return hashlib.sha256(certificate(sock)).hexdigest()


def digits(fingerprint: str) -> str:
    """A fingerprint as people paste it, with colons, blanks or capitals, as plain hexadecimal."""
    return re.sub(r"[^0-9a-f]", "", fingerprint.lower().removeprefix("sha256"))


def trust(server: Server) -> ssl.SSLContext:
    """TLS 1.2 or newer, the certificate and its name checked against the server's CA or else the system's. Raises ValueError."""
    try:
        context = ssl.create_default_context(cadata=server.ca_certificate.strip() or None)
    except (ssl.SSLError, ValueError):
        raise ValueError("The CA certificate is not PEM. Enter its whole text, from -----BEGIN to -----END.") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if server.tls12_only:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context
