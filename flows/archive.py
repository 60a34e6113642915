"""The archive: one CSV member, deflated beside the reading in blocks, in a ZIP with its sizes in the local header.

Layout after APPNOTE.TXT 6.3.10 (PKWARE). The file is written to a seekable path and the header patched at the end, since
some readers refuse data descriptors; ZIP64 fields appear when the member or the archive passes 4 GiB, and only then.
"""

import hashlib
import os
import struct
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from isal import isal_zlib
from zlib_ng import zlib_ng

BLOCK = 1 << 20
DICTIONARY = 1 << 15  # the window of deflate
WORKERS = 2
LIMIT_32 = 0xFFFFFFFF
# A padding field that every reader skips; it keeps the place of the ZIP64 field, which replaces it when needed.
PADDING_ID, ZIP64_ID = 0xD935, 0x0001
CODECS: dict[str, Callable[[bytes], Any]] = {
    "zlib-ng": lambda zdict: (
        zlib_ng.compressobj(4, zlib_ng.DEFLATED, -15, zdict=zdict) if zdict else zlib_ng.compressobj(4, zlib_ng.DEFLATED, -15)
    ),
    "isal": lambda zdict: (
        isal_zlib.compressobj(2, isal_zlib.DEFLATED, -15, zdict=zdict)
        if zdict
        else isal_zlib.compressobj(2, isal_zlib.DEFLATED, -15)
    ),
}


@dataclass(frozen=True)
class Archived:
    """Sizes in bytes and SHA-256 in hexadecimal, of the member and of the archive."""

    csv_bytes: int
    csv_sha256: str
    archive_bytes: int
    archive_sha256: str


def write(blocks: Iterable[bytes], member: str, day: date, path: Path, check: Callable[[], None]) -> Archived:
    """Writes the archive of one member at `path` and flushes it to the disk.

    `check` is called before each block of 1 MiB and may raise to stop the writing. The same blocks, name and day give the
    same bytes, however the blocks were cut.
    """
    name = member.encode()
    digest = hashlib.sha256()
    crc = size = packed = 0
    with path.open("wb+", buffering=BLOCK) as file:
        file.write(_local_header(name, day, 0, 0, 0))

        def counted() -> Iterator[bytes]:
            nonlocal crc, size
            for block in _even(blocks):
                check()
                digest.update(block)
                crc = zlib_ng.crc32(block, crc)
                size += len(block)
                yield block

        for piece in deflated(counted()):
            packed += len(piece)
            file.write(piece)
        _finish(file, name, day, crc, packed, size)
        return Archived(size, digest.hexdigest(), *_seal(file))


def _finish(file: IO[bytes], name: bytes, day: date, crc: int, packed: int, size: int) -> None:
    """Writes the central directory and patches the local header."""
    start = file.tell()
    central = _central_header(name, day, crc, packed, size)
    file.write(central)
    file.write(_end(start, len(central)))
    file.seek(0)
    file.write(_local_header(name, day, crc, packed, size))


def _seal(file: IO[bytes]) -> tuple[int, str]:
    """Flushes to the disk; returns the file's size and SHA-256."""
    file.flush()
    os.fsync(file.fileno())
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type]
    return os.fstat(file.fileno()).st_size, digest.hexdigest()


def _even(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks of exactly 1 MiB, but for the last."""
    waiting: list[bytes] = []
    length = 0
    for block in blocks:
        waiting.append(block)
        length += len(block)
        if length >= BLOCK:
            joined = b"".join(waiting)
            whole = length - length % BLOCK
            for start in range(0, whole, BLOCK):
                yield joined[start : start + BLOCK]
            waiting, length = [joined[whole:]], length - whole
    if length:
        yield b"".join(waiting)


def deflated(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """One raw deflate stream of `blocks` (RFC 1951), compressed by two threads while the blocks are still coming in.

    Each block is primed with the 32 KiB before it and ended at a byte boundary by a sync flush, so the pieces join to one
    ordinary stream; an empty final block closes it.
    """
    codec = CODECS[settings.ARCHIVE_CODEC]

    def compress(block: bytes, dictionary: bytes) -> bytes:
        compressor = codec(dictionary)
        return bytes(compressor.compress(block) + compressor.flush(zlib_ng.Z_SYNC_FLUSH))

    dictionary = b""
    pending: deque[Future[bytes]] = deque()
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="deflate") as pool:
        for block in blocks:
            if len(block) < BLOCK and not dictionary:  # a small file needs no threads
                yield compress(block, dictionary)
                break
            pending.append(pool.submit(compress, block, dictionary))
            dictionary = block[-DICTIONARY:]
            if len(pending) > 2 * WORKERS:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    yield b"\x03\x00"


def _dos_date(day: date) -> int:
    """The export day in MS-DOS form; the time stamp is 00:00."""
    return (day.year - 1980) << 9 | day.month << 5 | day.day


def _fields(name: bytes, day: date, crc: int, packed: int, size: int) -> tuple[bytes, bytes]:
    """What the local and the central header share, and the 20 bytes of extra field."""
    large = packed > LIMIT_32 or size > LIMIT_32
    flags = 0 if name.isascii() else 0x0800  # the name is UTF-8
    shared = struct.pack(
        "<HHHHHIIIHH",
        45 if large else 20,
        flags,
        8,
        0,
        _dos_date(day),
        crc,
        LIMIT_32 if large else packed,
        LIMIT_32 if large else size,
        len(name),
        20,
    )
    extra = struct.pack("<HHQQ", ZIP64_ID, 16, size, packed) if large else struct.pack("<HHQQ", PADDING_ID, 16, 0, 0)
    return shared, extra


def _local_header(name: bytes, day: date, crc: int, packed: int, size: int) -> bytes:
    shared, extra = _fields(name, day, crc, packed, size)
    return b"PK\x03\x04" + shared + name + extra


def _central_header(name: bytes, day: date, crc: int, packed: int, size: int) -> bytes:
    """Made by Unix, a plain file readable by all: fixed, so that the same window gives the same bytes."""
    shared, extra = _fields(name, day, crc, packed, size)
    made_by = 3 << 8 | shared[0]
    rest = struct.pack("<HHHII", 0, 0, 0, 0o100644 << 16, 0)
    return b"PK\x01\x02" + struct.pack("<H", made_by) + shared + rest + name + extra


def _end(start: int, length: int) -> bytes:
    """The end of the central directory, preceded by its ZIP64 form when the directory starts past 4 GiB."""
    zip64 = b""
    if start > LIMIT_32:
        record = struct.pack("<QHHIIQQQQ", 44, 3 << 8 | 45, 45, 0, 0, 1, 1, length, start)
        locator = struct.pack("<IQI", 0, start + length, 1)
        zip64 = b"PK\x06\x06" + record + b"PK\x06\x07" + locator
    return zip64 + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, length, min(start, LIMIT_32), 0)
