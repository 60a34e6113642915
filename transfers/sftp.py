"""SFTP on paramiko: pinned host keys, and files written through a sliding window."""

import contextlib
import errno
import posixpath
import re
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import BinaryIO, cast

import paramiko
from paramiko.ssh_exception import (
    AuthenticationException,
    BadAuthenticationType,
    ChannelException,
    IncompatiblePeer,
    SSHException,
)

from . import hostkeys, keys, login, pipelined, ssh
from .errors import RETRY, Cause, TransferError, address, failure, folder_name, network_cause, shown
from .models import Server
from .transmission import Transmission
from .upload import Client

# From this size on further channels are opened: they cost three round trips.
SEVERAL_FROM = 8 * 1024 * 1024
CHANNELS = 4
READ = 256 * 1024
# A server with less room than this, in bytes, is taken for full when it answers a bare "Failure".
FULL_BELOW = 64 * 1024


class SftpClient(Client):
    expected = (OSError, EOFError, SSHException)

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.transport: paramiko.Transport | None = None
        self.channels: dict[int, paramiko.SFTPClient] = {}
        # Set once a channel waited too long and the connection was closed for it.
        self.late = threading.Event()

    def reach(self) -> None:
        with self.doing("connect"):
            self.transport = ssh.reach(self.server)

    def identify(self) -> None:
        pinned = self._pinned()
        with self.doing("agree on a connection"):
            assert self.transport is not None
            ssh.handshake(self.transport, ssh.signature_kinds(pinned), preferred=True)
            shown_key = hostkeys.line_of(self.transport.get_remote_server_key())
        if shown_key not in pinned:
            self._note_seen(shown_key)
            raise self._strange_key(shown_key, pinned)
        self._note_seen("")

    def _pinned(self) -> list[str]:
        try:
            return hostkeys.lines(self.server.host_keys)
        except ValueError as error:
            raise failure(self.server, "connect", Cause("a pinned host key is unreadable", str(error), permanent=True)) from None

    def _note_seen(self, line: str) -> None:
        if self.server.seen_host_key != line and self.server.pk:
            Server.objects.filter(pk=self.server.pk).update(seen_host_key=line)
        self.server.seen_host_key = line

    def _strange_key(self, line: str, pinned: list[str]) -> TransferError:
        seen = f"{line.split()[0]} {hostkeys.fingerprint(line)}"
        if not pinned:
            return TransferError(
                f"The host key of {address(self.server)} has not been confirmed yet: the server shows {seen}. Compare this "
                f"fingerprint with the server's people, then confirm it at the server; what waits for {self.server.username} is sent then.",
                held=True,
            )
        known = ", ".join(f"{key.split()[0]} {hostkeys.fingerprint(key)}" for key in pinned)
        return TransferError(
            f"The host key of {address(self.server)} has changed: confirmed is {known}, but the server shows {seen}. Nothing was sent "
            f"for {self.server.username}. Ask the server's people whether they changed it, then confirm the new key at the server.",
            held=True,
        )

    def identity(self) -> str:
        assert self.transport is not None
        line = hostkeys.line_of(self.transport.get_remote_server_key())
        return f"The host key is a confirmed one: {line.split()[0]} {hostkeys.fingerprint(line)}."

    def log_in(self) -> None:
        assert self.transport is not None
        try:
            key = ssh.paramiko_key(self.private_key, self.passphrase) if self.private_key else None
        except keys.KeyRefused as error:
            text, _, advice = str(error).partition(". ")
            cause = Cause(text[0].lower() + text[1:].rstrip("."), advice or "Enter the key again.", permanent=True)
            raise failure(self.server, "log in", cause) from None
        with self.doing("log in"):
            login.log_in(self.transport, self.server.username, self.password, key)
        with self.doing("open an SFTP session"):
            self._channel(0)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def _channel(self, number: int) -> paramiko.SFTPClient:
        """The SFTP session of that number, over the one connection; opened when it is first asked for."""
        if number not in self.channels:
            assert self.transport is not None
            # paramiko waits without end for the answer to the request for SFTP.
            with ssh.limited(self.transport, self.late):
                client = paramiko.SFTPClient.from_transport(self.transport)
            assert client is not None
            # Without it a server that freezes in mid-file would be waited for without end.
            cast(paramiko.Channel, client.get_channel()).settimeout(self.timeout)
            self.channels[number] = client
        return self.channels[number]

    @property
    def sftp(self) -> paramiko.SFTPClient:
        return self.channels[0]

    def _check_folder(self, folder: str) -> None:
        mode = self.sftp.stat(folder or ".").st_mode
        if mode is not None and not stat.S_ISDIR(mode):
            raise NotADirectoryError(errno.ENOTDIR, "Not a directory")

    def _write(self, transmission: Transmission, folder: str, name: str) -> None:
        path = posixpath.join(folder, name)
        try:
            pipelined.check()
        except pipelined.Unsupported:
            self.sftp.putfo(cast(BinaryIO, _Reader(transmission)), path, transmission.size, confirm=False)
            return
        if self._takes_channels(transmission.size):
            try:
                pipelined.write([partial(self._channel, number) for number in range(CHANNELS)], path, transmission)
                return
            except OSError as error:
                if not self._worth_one_channel(error, folder, transmission.size):
                    raise
            transmission.restart()
        pipelined.write([partial(self._channel, 0)], path, transmission)

    def _takes_channels(self, size: int) -> bool:
        """OpenSSH only: gateways to object stores take blocks in order alone, and some say so by a broken file."""
        assert self.transport is not None
        return size >= SEVERAL_FROM and self.server.can_rename and "OpenSSH" in self.transport.remote_version

    def _worth_one_channel(self, error: OSError, folder: str, size: int) -> bool:
        """Whether the server may only have refused several channels, and takes the file over one."""
        if error.errno is not None or not self._alive() or isinstance(error, TimeoutError):
            return False
        free = pipelined.free_bytes(self.sftp, folder)
        return free is None or free > size

    def _alive(self) -> bool:
        return self.transport is not None and self.transport.is_active()

    def _size(self, folder: str, name: str) -> int | None:
        try:
            size: int | None = self.sftp.stat(posixpath.join(folder, name)).st_size
            return size
        except FileNotFoundError:
            return None

    def _modified_at(self, folder: str, name: str) -> datetime | None:
        seconds = self.sftp.stat(posixpath.join(folder, name)).st_mtime
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)

    def _remove(self, folder: str, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.sftp.remove(posixpath.join(folder, name))

    def _move(self, folder: str, old: str, new: str) -> None:
        """Renames over an existing file: at once where the server knows how, else after removing it.

        Nothing is removed for a file that is not there to be renamed.
        """
        old, new = posixpath.join(folder, old), posixpath.join(folder, new)
        try:
            self.sftp.posix_rename(old, new)
            return
        except OSError as error:
            if not self._alive() or isinstance(error, TimeoutError | FileNotFoundError):
                raise
        try:
            self.sftp.rename(old, new)
        except OSError as error:
            if not self._alive() or isinstance(error, TimeoutError | FileNotFoundError):
                raise
            with contextlib.suppress(FileNotFoundError):
                self.sftp.remove(new)
            self.sftp.rename(old, new)

    def _read(self, folder: str, name: str) -> Iterator[bytes]:
        with self.sftp.open(posixpath.join(folder, name), "rb") as file:
            size = file.stat().st_size
            file.prefetch(size, max_concurrent_requests=64)
            while block := file.read(READ):
                yield block

    def _cause(self, error: BaseException, folder: str | None) -> Cause:
        if isinstance(error, AuthenticationException):
            return self._refusal(error)
        if isinstance(error, IncompatiblePeer):
            return Cause(
                f"the server offers no algorithm that is considered safe today: {shown(error)}",
                "Have the SSH server updated: it needs SHA-2 signatures and a key exchange of 2048 bits or more.",
                permanent=True,
            )
        if isinstance(error, SSHException) and "banner" in str(error):
            return Cause(
                "no SSH server introduced itself at that port",
                f"Check host, port and protocol; a server with too many connections looks like this too. {RETRY}.",
            )
        if isinstance(error, ChannelException):
            return Cause(
                f"the server refused an SFTP session: {shown(error.text)}",
                "Have SFTP switched on for this user.",
                permanent=True,
            )
        if isinstance(error, OSError) and not isinstance(error, TimeoutError) and self._alive():
            return self._answer(error, folder)
        self.broken = True
        return network_cause(TimeoutError() if self.late.is_set() else error, self.timeout)

    def _refusal(self, error: AuthenticationException) -> Cause:
        if "timeout" in str(error).lower():
            return network_cause(TimeoutError(), self.timeout)
        if not self._alive():
            return Cause(
                "the server cut the connection during the log-in",
                f"{RETRY}; too many log-ins at once, or an address that is not let in, look like this too.",
            )
        if isinstance(error, BadAuthenticationType):
            wanted = ", ".join(error.allowed_types) or "something else"
            return Cause(
                f"the server wants {wanted} besides what is stored",
                "Store what the server asks for: a password, a private key, or both.",
                permanent=True,
            )
        given = " and ".join(word for word, value in (("key", self.private_key), ("password", self.password)) if value)
        return Cause(
            f"the server refused the user name or the {given or 'missing password'}",
            "Check both with the server's people; a public key must be in the user's authorized_keys there.",
            permanent=True,
        )

    def _answer(self, error: OSError, folder: str | None) -> Cause:
        """The cause behind an SFTP status (draft-ietf-secsh-filexfer-02, section 7), which is often a bare "Failure"."""
        place = "the folder" if folder is None else f"the {folder_name(folder)}"
        if error.errno in {errno.ENOENT, errno.ENOTDIR} and self._missing(folder):
            return Cause(
                f"{place} does not exist", "Create it on the server, or correct the folder of the location.", permanent=True
            )
        if error.errno == errno.ENOENT:
            return Cause("the file is not there", f"Look whether something on the server moves files away. {RETRY}.")
        if error.errno == errno.EACCES:
            return Cause(
                "the server gives no permission",
                "Give this user the right to write there, or correct the folder.",
                permanent=True,
            )
        free = pipelined.free_bytes(self.sftp, folder or "") if self.channels else None
        if (free is not None and free < FULL_BELOW) or re.search(r"space|quota|full", str(error), re.I):
            return Cause("the disk of the server is full", f"Make room there. {RETRY}.")
        return Cause(
            f"the server answered {shown(error, (self.password,))}",
            f"Most often its disk or the user's quota is full, or a rule of the server forbids it. {RETRY}.",
        )

    def _missing(self, folder: str | None) -> bool:
        if folder is None:
            return True
        try:
            self._check_folder(folder)
        except (OSError, EOFError, SSHException):
            return True
        return False


class _Reader:
    """A transmission as a file to read from start to end, for paramiko's own `putfo`."""

    def __init__(self, transmission: Transmission) -> None:
        self.transmission = transmission

    def read(self, length: int) -> bytes:
        block = self.transmission.read(self.transmission.arrived, length)
        self.transmission.add(len(block))
        return block
