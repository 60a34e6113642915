"""The operations of FTPS, and what the server's replies mean."""

import contextlib
import ftplib
import re
import select
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from .errors import RETRY, Cause, failure, folder_name, network_cause, shown
from .ftp_connection import Connection, StrangeCertificate, certificate, digits, trust
from .models import Server
from .transmission import Stopped, Transmission
from .upload import Client

BLOCK = 256 * 1024
# Some servers never answer the end of TLS on the data channel; the reply on the control channel decides. In seconds.
GOODBYE = 5.0


class FtpsClient(Client):
    expected = (OSError, EOFError, ftplib.Error, StrangeCertificate)

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        try:
            context = trust(server)
        except ValueError as error:
            cause = Cause("its CA certificate is unreadable", str(error), permanent=True)
            raise failure(server, "connect", cause) from None
        self.ftp = Connection(server, self.timeout, context)
        self.home = "/"
        self.at_home = True
        self.current: str | None = None

    def reach(self) -> None:
        with self.doing("connect"):
            self.ftp.reach(self.server.host.strip(), self.server.effective_port)

    def identify(self) -> None:
        with self.doing("agree on a connection"):
            self.ftp.secure()

    def log_in(self) -> None:
        with self.doing("log in"):
            self.ftp.login(self.server.username, self.password)
        with self.doing("protect the data channel"):
            self.ftp.prot_p()
            if self.server.encoding == "utf-8":
                # Some servers want to be asked (draft-ietf-ftpext-utf-8-option); those that need not be refuse.
                with contextlib.suppress(ftplib.error_perm):
                    self.ftp.sendcmd("OPTS UTF8 ON")
            self.ftp.voidcmd("TYPE I")
            self.home = self.ftp.pwd() or "/"

    def close(self) -> None:
        if self.ftp.sock is not None and self.current is not None and not self.broken:
            with contextlib.suppress(OSError, EOFError, ftplib.Error):
                self.ftp.sock.settimeout(GOODBYE)
                self.ftp.quit()
        if self.ftp.sock is not None:
            with contextlib.suppress(OSError):
                # Wakes a thread that waits for this socket; closing alone does not.
                self.ftp.sock.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self.ftp.close()

    def identity(self) -> str:
        kind = "the CA stored for it" if self.server.ca_certificate else "a CA of the system"
        pinned = " and is the pinned one" if self.server.pinned_certificate else ""
        version = self.ftp.sock.version() if isinstance(self.ftp.sock, ssl.SSLSocket) else ""
        return f"The certificate comes from {kind}, names {self.server.host}{pinned} ({version})."

    def certificate_end(self) -> datetime | None:
        return x509.load_der_x509_certificate(certificate(self.ftp.sock)).not_valid_after_utc

    def _enter(self, folder: str) -> None:
        """Changes to the folder, so that names are sent alone: the one form that every server understands."""
        if self.current == folder:
            return
        self.current = None
        if not folder.startswith("/") and not self.at_home:
            self.ftp.cwd(self.home)
            self.at_home = True
        if folder:
            self.ftp.cwd(folder)
            self.at_home = False
        self.current = folder

    _check_folder = _enter

    def _write(self, transmission: Transmission, folder: str, name: str) -> None:
        self._enter(folder)
        data = self.ftp.transfercmd(f"STOR {name}")
        try:
            for block in transmission.blocks(BLOCK):
                data.sendall(block)
                transmission.add(len(block))
            self._say_goodbye(data)
            self.ftp.voidresp()
        except (OSError, Stopped):
            data.close()
            self._reply_after_error()
            raise
        finally:
            data.close()

    def _say_goodbye(self, data: Any) -> None:
        """Ends TLS and TCP in our direction without waiting for the other: some servers never answer.

        The socket stays open until the reply is there, or the server's own goodbye would meet a closed port and cost it
        what it has not read yet.
        """
        data.setblocking(False)
        with contextlib.suppress(OSError):
            while True:
                try:
                    data.unwrap()
                    break
                except ssl.SSLWantWriteError:
                    if not select.select([], [data], [], self.timeout)[1]:
                        raise TimeoutError from None
                except ssl.SSLWantReadError:
                    break
            data.shutdown(socket.SHUT_WR)

    def _reply_after_error(self) -> None:
        """Reads what the server has to say about a data channel that failed. Raises ftplib.Error when that is a refusal."""
        assert self.ftp.sock is not None
        self.ftp.sock.settimeout(min(GOODBYE, self.timeout))
        try:
            self.ftp.voidresp()
        except (OSError, EOFError):
            self.broken = True
        finally:
            with contextlib.suppress(OSError):
                self.ftp.sock.settimeout(self.timeout)

    def _size(self, folder: str, name: str) -> int | None:
        self._enter(folder)
        try:
            return self.ftp.size(name)
        except ftplib.error_perm:
            return None

    def _modified_at(self, folder: str, name: str) -> datetime | None:
        """By MDTM, which is in UTC (RFC 3659, section 3)."""
        self._enter(folder)
        try:
            moment = self.ftp.voidcmd(f"MDTM {name}").split()[1][:14]
            return datetime.strptime(moment, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        except (ftplib.error_perm, ValueError, IndexError):
            return None

    def _remove(self, folder: str, name: str) -> None:
        self._enter(folder)
        try:
            self.ftp.delete(name)
        except ftplib.error_perm:
            # One code stands for "not there" and for "not allowed".
            if self._size(folder, name) is not None:
                raise

    def _move(self, folder: str, old: str, new: str) -> None:
        self._enter(folder)
        # A refusal here means that there is nothing to rename, so nothing must make room for it.
        self.ftp.sendcmd(f"RNFR {old}")
        try:
            self.ftp.voidcmd(f"RNTO {new}")
        except ftplib.error_perm:
            self.ftp.delete(new)
            self.ftp.rename(old, new)

    def _read(self, folder: str, name: str) -> Iterator[bytes]:
        self._enter(folder)
        data = self.ftp.transfercmd(f"RETR {name}")
        try:
            while block := data.recv(BLOCK):
                yield block
        finally:
            data.close()
        self.ftp.voidresp()

    def _cause(self, error: BaseException, folder: str | None) -> Cause:
        if isinstance(error, StrangeCertificate):
            return Cause(
                f"pinned is the certificate {digits(self.server.pinned_certificate)}, but the server shows {error}",
                "Ask the server's people whether they changed it, then enter the new fingerprint.",
                permanent=True,
            )
        if isinstance(error, ftplib.Error):
            return self._answer(str(error), folder)
        self.broken = True
        return network_cause(error, self.timeout)

    def _answer(self, reply: str, folder: str | None) -> Cause:
        """The cause behind a reply (RFC 959, section 4.2; RFC 4217)."""
        code, said = reply[:3], shown(reply, (self.password,))
        if not self.ftp_secured and code.startswith("5"):
            return Cause(
                f"the server does not offer TLS ({said}), and plain FTP is refused because it shows the password to everyone",
                "Have TLS switched on at the server, or choose the protocol that it speaks.",
                permanent=True,
            )
        if code == "530":
            return Cause(
                f"the server refused the user name or the password ({said})",
                "Check both with the server's people, and whether this user may use FTPS.",
                permanent=True,
            )
        if code == "421":
            return Cause(f"the server takes no further connection now ({said})", f"Lower the server's connections. {RETRY}.")
        if code in {"452", "552"} or re.search(r"disk|space|quota|full|writ(e|ing) to", reply, re.I):
            return Cause(f"the disk of the server or the user's quota is full, or failing ({said})", f"Make room there. {RETRY}.")
        if code in {"550", "553", "451"} and self._missing(folder):
            return Cause(
                f"the {folder_name(folder or '')} does not exist or may not be entered ({said})",
                "Create it on the server, or correct the folder of the location.",
                permanent=True,
            )
        if code in {"550", "553", "532"}:
            return Cause(
                f"the server gives no permission ({said})",
                "Give this user the right to write there, or correct the folder.",
                permanent=True,
            )
        return Cause(f"the server answered {said}", f"{RETRY}; if it stays, show this answer to the server's people.")

    @property
    def ftp_secured(self) -> bool:
        return isinstance(self.ftp.sock, ssl.SSLSocket)

    def _missing(self, folder: str | None) -> bool:
        if folder is None:
            return self.current is None
        try:
            self._enter(folder)
        except (OSError, EOFError, ftplib.Error):
            return True
        return False
