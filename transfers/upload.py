"""What every protocol has in common: the way a file gets onto a server, and the sentences when it does not.

The protocols supply the single operations; the order of the steps, the watching of a transfer and the cleaning up are here.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime
from typing import BinaryIO, ClassVar

from django.conf import settings

from .errors import RETRY, Cause, TransferError, failure, folder_name
from .models import Server
from .secrets import SecretError
from .transmission import Stopped, Transmission

Progress = Callable[[int], None]
# How often the caller hears of the progress, in seconds.
TICK = 0.5
# How long a stopped transfer may take to wind up before its connection is closed, in seconds.
GRACE = 5.0


class Client:
    """One connection to one server, for one thread. Every failure is a TransferError."""

    # What the operations of a protocol raise when they fail; anything else is a bug and passes through.
    expected: ClassVar[tuple[type[Exception], ...]] = (OSError, EOFError)
    # A protocol whose files appear only when they are whole needs no temporary name.
    atomic: ClassVar[bool] = False

    def __init__(self, server: Server) -> None:
        self.server = server
        self.timeout = float(settings.TRANSFER_TIMEOUT)
        # Set once the connection can no longer be trusted: nothing more is asked of it.
        self.broken = False
        try:
            self.password = server.password.reveal()
            self.private_key = server.private_key.reveal()
            self.passphrase = server.passphrase.reveal()
        except SecretError as error:
            raise TransferError(f"Could not connect to {server.host}: {error}", permanent=True) from None

    # What a protocol supplies. `folder` is relative to the folder after log-in unless it starts with "/".

    def reach(self) -> None:
        """Opens the connection."""

    def identify(self) -> None:
        """Checks that the server is the one that was meant."""

    def log_in(self) -> None:
        """Logs in."""

    def close(self) -> None:
        """Closes the connection, whatever its state."""

    def _check_folder(self, folder: str) -> None:
        raise NotImplementedError

    def _write(self, transmission: Transmission, folder: str, name: str) -> None:
        raise NotImplementedError

    def _size(self, folder: str, name: str) -> int | None:
        raise NotImplementedError

    def _remove(self, folder: str, name: str) -> None:
        raise NotImplementedError

    def _move(self, folder: str, old: str, new: str) -> None:
        raise NotImplementedError

    def _read(self, folder: str, name: str) -> Iterator[bytes]:
        raise NotImplementedError

    def _modified_at(self, folder: str, name: str) -> datetime | None:
        return None

    def _cause(self, error: BaseException, folder: str | None) -> Cause:
        raise NotImplementedError

    def identity(self) -> str:
        """How the server showed that it is the one that was meant, as a sentence."""
        return "There is nothing to check."

    def certificate_end(self) -> datetime | None:
        """Until when the server's certificate is valid; None where it has none."""
        return None

    # What callers use.

    def open(self) -> None:
        self.reach()
        self.identify()
        self.log_in()

    def check_folder(self, folder: str) -> None:
        with self.doing(f"enter the {folder_name(folder)}"):
            self._check_folder(folder)

    def upload(self, source: BinaryIO, size: int, folder: str, name: str, progress: Progress) -> bool:
        """Puts `size` bytes of `source`, from where it stands, into `folder` as `name`, which appears only when whole.

        True: the server confirmed the size. False: the server hides sizes. `progress(bytes so far)` is called in this
        thread about twice a second and may raise: the temporary file is then removed and its exception goes through.
        """
        temporary = name if self.atomic or not self.server.can_rename else f".{name}.part"
        if not self.atomic:
            self._discard(folder, temporary)
        try:
            self._put(source, size, folder, temporary, name, progress)
            verified = self._verify(size, folder, temporary, name)
            if temporary != name:
                # Once more, since the size check may have taken long: the temporary file may be somebody else's by now.
                progress(size)
                self.rename(folder, temporary, name)
        except BaseException:
            if not self.atomic:
                with contextlib.suppress(TransferError):
                    self._discard(folder, temporary)
            raise
        return verified

    def write(self, source: BinaryIO, size: int, folder: str, name: str) -> None:
        """Puts `size` bytes into `folder` as `name`, without a temporary name or a check."""
        self._put(source, size, folder, name, name, lambda count: None)

    def rename(self, folder: str, old: str, new: str) -> None:
        """Renames a file, over an existing one too."""
        with self.doing(f"rename {old} to {new}", folder):
            self._move(folder, old, new)

    def size(self, folder: str, name: str) -> int | None:
        """Bytes of a file; None when it is not there or the server does not say."""
        with self.doing(f"look for {name}", folder):
            return self._size(folder, name)

    def remove(self, folder: str, name: str) -> None:
        """Removes a file; one that is not there is fine."""
        with self.doing(f"remove {name}", folder):
            self._remove(folder, name)

    def read(self, folder: str, name: str) -> Iterator[bytes]:
        """The bytes of a file, in blocks. Take them to the end before anything else is asked of this client."""
        with self.doing(f"read {name}", folder):
            yield from self._read(folder, name)

    def modified_at(self, folder: str, name: str) -> datetime | None:
        """When a file was last written, by the server's clock; None where it does not say."""
        with self.doing(f"ask for the time of {name}", folder):
            return self._modified_at(folder, name)

    @contextlib.contextmanager
    def doing(self, action: str, folder: str | None = None) -> Iterator[None]:
        """Turns the protocol's errors into a TransferError that names the action, the host, the user and the folder."""
        try:
            yield
        except TransferError:
            raise
        except UnicodeEncodeError as error:
            cause = Cause(
                f"the name cannot be written in {self.server.encoding}",
                "Change the server's encoding, or the flow's file name.",
                permanent=True,
            )
            raise failure(self.server, action, cause, folder) from error
        except self.expected as error:
            # Without the cause: a server's own words may repeat what was sent to it.
            raise failure(self.server, action, self._cause(error, folder), folder) from None

    # The steps of an upload.

    def _put(self, source: BinaryIO, size: int, folder: str, path: str, name: str, progress: Progress) -> None:
        """Writes the source as `path`; `name` is what the sentence of a failure calls it."""
        transmission = Transmission(source, size)
        try:
            with self.doing(f"write {name}", folder):
                self._transmit(transmission, folder, path, progress)
        except Exception:
            # A fault on our side is not the server's, whatever the transfer made of it.
            if transmission.fault is not None:
                raise transmission.fault from None
            raise
        progress(size)

    def _transmit(self, transmission: Transmission, folder: str, path: str, progress: Progress) -> None:
        """Writes in a thread of its own, so that this one can tell the progress and notice a server that froze."""
        with ThreadPoolExecutor(1, thread_name_prefix="upload") as pool:
            writing = pool.submit(self._write, transmission, folder, path)
            try:
                self._watch(writing, transmission, progress)
                writing.result()
            except BaseException:
                transmission.stop()
                if not wait([writing], GRACE).done:
                    self.abort()
                raise

    def _watch(self, writing: "Future[None]", transmission: Transmission, progress: Progress) -> None:
        seen, seen_at = -1, time.monotonic()
        while not wait([writing], TICK).done:
            if transmission.arrived != seen:
                seen, seen_at = transmission.arrived, time.monotonic()
            elif time.monotonic() - seen_at > self.timeout + TICK:
                self.abort()
                raise TimeoutError
            try:
                progress(transmission.arrived)
            except BaseException as error:
                transmission.fault = error
                raise Stopped from error

    def abort(self) -> None:
        """Closes the connection under a thread that may be waiting for it."""
        self.broken = True
        self.close()

    def _verify(self, size: int, folder: str, temporary: str, name: str) -> bool:
        if not self.server.can_stat:
            return False
        with self.doing(f"check the size of {name}", folder):
            found = self._size(folder, temporary)
        if found is not None and found != size:
            cause = Cause(
                f"{found} of {size} bytes arrived", f"{RETRY}; if it happens again, check the disk space of the server."
            )
            raise failure(self.server, f"write {name}", cause, folder)
        return found is not None

    def _discard(self, folder: str, temporary: str) -> None:
        """Removes a temporary file, as far as the server lets us: the next upload of the name does so too.

        Raises TransferError when the connection breaks over it.
        """
        if self.broken:
            return
        try:
            self.remove(folder, temporary)
        except TransferError:
            if self.broken:
                raise
