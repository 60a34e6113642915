"""Fast writing over SFTP, on the private parts of paramiko (5.x): a sliding window of requests over several channels.

paramiko's own `putfo` empties its queue at every hundredth request, and OpenSSH grants 2 MiB per round trip and channel;
a window that never empties, over four channels of one connection, is about twice as fast where the server is far away.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import paramiko
from paramiko.sftp import (
    CMD_CLOSE,
    CMD_EXTENDED,
    CMD_EXTENDED_REPLY,
    CMD_HANDLE,
    CMD_OPEN,
    CMD_WRITE,
    SFTP_FLAG_CREATE,
    SFTP_FLAG_TRUNC,
    SFTP_FLAG_WRITE,
    int64,
)
from paramiko.sftp_attr import SFTPAttributes

from .transmission import Transmission

# Bytes of one request: with its head it fits one packet of 32 KiB, the least that servers must take.
REQUEST = 32 * 1024 - 512
# Requests under way per channel: twice of what OpenSSH's channel window of 2 MiB holds.
WINDOW = 128
# Bytes that a channel takes over at once; a multiple of REQUEST.
STRIPE = 64 * REQUEST
# Bytes read from the source at once.
READ = 8 * REQUEST


class Unsupported(Exception):
    """This paramiko lacks the private parts that are used here."""


def check() -> None:
    """Raises Unsupported unless paramiko still has what this module uses."""
    needed = ("_request", "_async_request", "_read_response", "_convert_status")
    if int(paramiko.__version__.split(".")[0]) != 5 or not all(hasattr(paramiko.SFTPClient, name) for name in needed):
        raise Unsupported


class _Answers:
    """Takes the answers to the write requests of one channel."""

    def __init__(self, sftp: Any, transmission: Transmission) -> None:
        self.sftp = sftp
        self.transmission = transmission
        self.lengths: dict[int, int] = {}
        self.error: OSError | EOFError | None = None

    def _async_response(self, kind: int, message: Any, number: int) -> None:
        length = self.lengths.pop(number)
        try:
            self.sftp._convert_status(message)
            self.transmission.add(length)
        except (OSError, EOFError) as error:
            self.error = self.error or error

    def take(self, until: int) -> None:
        """Takes answers until at most `until` are still to come, and those that are there already."""
        while len(self.lengths) > until or (self.lengths and self.sftp.sock.recv_ready()):
            self.sftp._read_response()
            if self.error:
                raise self.error


def open_file(sftp: Any, path: str, *, create: bool) -> bytes:
    """A handle to write `path` with, and nothing else asked of it: some servers let clients write but not read."""
    flags = SFTP_FLAG_WRITE | (SFTP_FLAG_CREATE | SFTP_FLAG_TRUNC if create else 0)
    kind, message = sftp._request(CMD_OPEN, path.encode(), flags, SFTPAttributes())
    if kind != CMD_HANDLE:
        raise OSError("The server answered the opening of a file with something else.")
    return bytes(message.get_binary())


def close_file(sftp: Any, handle: bytes) -> None:
    sftp._request(CMD_CLOSE, handle)


def free_bytes(sftp: Any, folder: str) -> int | None:
    """Bytes free for us on the file system of `folder`; None when the server does not say.

    The request is `statvfs@openssh.com` of OpenSSH's PROTOCOL file: block size, fragment size, blocks, free, available …
    """
    try:
        kind, message = sftp._request(CMD_EXTENDED, "statvfs@openssh.com", folder or ".")
        if kind != CMD_EXTENDED_REPLY:
            return None
        numbers = [message.get_int64() for _ in range(5)]
        return int(numbers[1] * numbers[4])
    except (OSError, EOFError, paramiko.SSHException, AttributeError):
        return None


class _Stripes:
    """Deals the file out, a stripe at a time, to whichever channel is free."""

    def __init__(self, size: int) -> None:
        self.left = deque((offset, min(STRIPE, size - offset)) for offset in range(0, size, STRIPE))

    def __iter__(self) -> Iterator[tuple[int, int]]:
        while True:
            try:
                yield self.left.popleft()
            except IndexError:
                return


def _send(sftp: Any, handle: bytes, stripes: _Stripes, transmission: Transmission) -> None:
    answers = _Answers(sftp, transmission)
    for start, length in stripes:
        for offset in range(start, start + length, READ):
            block = memoryview(transmission.read(offset, min(READ, start + length - offset)))
            for at in range(0, len(block), REQUEST):
                data = bytes(block[at : at + REQUEST])
                number = sftp.request_number
                answers.lengths[number] = len(data)
                sftp._async_request(answers, CMD_WRITE, handle, int64(offset + at), data)
                answers.take(WINDOW)
    answers.take(0)


def write(channels: list[Callable[[], Any]], path: str, transmission: Transmission) -> None:
    """Writes the whole transmission to `path`. The first channel creates the file; the others help as they come up.

    A channel that cannot be had, or that may not open the file, is done without. An error in writing ends them all
    and is raised: OSError, EOFError or SSHException. Raises Stopped when the transmission is stopped.
    """
    stripes = _Stripes(transmission.size)
    first = channels[0]()
    handle = open_file(first, path, create=True)
    faults: list[BaseException] = []
    helpers = [
        threading.Thread(target=_help, args=(channel, path, stripes, transmission, faults), daemon=True)
        for channel in channels[1:]
    ]
    for helper in helpers:
        helper.start()
    try:
        _send(first, handle, stripes, transmission)
    except BaseException:
        stripes.left.clear()
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            close_file(first, handle)
        raise
    finally:
        for helper in helpers:
            helper.join()
    close_file(first, handle)
    if faults:
        raise faults[0]


def _help(
    channel: Callable[[], Any], path: str, stripes: _Stripes, transmission: Transmission, faults: list[BaseException]
) -> None:
    try:
        sftp = channel()
        handle = open_file(sftp, path, create=False)
    except (OSError, EOFError, paramiko.SSHException):
        return
    try:
        _send(sftp, handle, stripes, transmission)
        close_file(sftp, handle)
    except BaseException as error:
        faults.append(error)
        stripes.left.clear()
