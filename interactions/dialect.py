"""The contract's CSV dialect, read and written: `;` between cells, minimal quotes, nothing for NULL, `""` for an empty text.

The reader is strict and works batch by batch in memory that does not grow; cells that need no quotes cost next to nothing.
"""

import codecs
import csv
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, chain
from typing import BinaryIO, NamedTuple

SPECIAL = (";", '"', "\n", "\r")
# Small enough for the cells of a piece to stay in the processor's cache: 256 KiB take 1.7 times as long.
CHUNK = 32 * 1024
LONGEST_RECORD = 16 * 1024 * 1024
# Stands for a quoted empty cell while a record is taken apart, where "" is a missing value; no file may hold it.
EMPTY = "\0"


class DialectError(Exception):
    """A file that is not in the dialect. `line` is where the record in question starts, counted from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


class Batch(NamedTuple):
    """Records that follow each other, as columns; `lines` are the line numbers at which they start."""

    lines: Sequence[int]
    columns: list[list[str | None]]


class Reader:
    """Reads a binary stream. `header` is the first record; `batches()` gives the others, to be called once.

    A byte order mark, CRLF line ends and a missing last line end are let pass. Raises DialectError for anything else
    that the dialect does not allow: bytes that are not UTF-8, NUL, stray or open quotes, another number of cells.
    `progress` is called with the number of bytes of each piece read.
    """

    def __init__(self, stream: BinaryIO, progress: Callable[[int], None] = lambda size: None) -> None:
        self._stream = stream
        self._progress = progress
        self._wanted = CHUNK
        self._pieces = self._split()
        self._rest: tuple[list[int], list[list[str]]] = ([], [])
        for lines, rows in self._pieces:
            if rows:
                self._rest = (list(lines[1:]), rows[1:])
                self.header = ["" if cell == EMPTY else cell for cell in rows[0]]
                return
        raise DialectError(1, "there is no header line. The first line must name the columns.")

    def batches(self) -> Iterator[Batch]:
        if self._rest[1]:
            yield self._batch(*self._rest)
        for lines, rows in self._pieces:
            if rows:
                yield self._batch(lines, rows)

    def _batch(self, lines: Sequence[int], rows: list[list[str]]) -> Batch:
        width = len(self.header)
        if set(map(len, rows)) != {width}:
            place, found = next((place, len(row)) for place, row in enumerate(rows) if len(row) != width)
            raise DialectError(lines[place], f"the line has {_counted(found)}, the header {width}.")
        return Batch(lines, [_cleared(column) for column in zip(*rows, strict=True)])

    def _split(self) -> Iterator[tuple[Sequence[int], list[list[str]]]]:
        """Line numbers and raw cells of the records of each piece of the stream."""
        line, tail = 1, ""
        for text, last in self._texts():
            whole = tail + text
            records, tail = _records(whole, last)
            height = whole.count("\n") - tail.count("\n")
            if len(tail) > LONGEST_RECORD:
                reason = "the record is longer than 16 million characters. Is a quote left open?"
                raise DialectError(line + height, reason)
            # A record that is not whole yet is read again with the next piece, which grows with it.
            self._wanted = max(CHUNK, len(tail))
            lines: Sequence[int] = range(line, line + len(records))
            if height > len(records):
                lines = list(accumulate((1 + record.count("\n") for record in records), initial=line))[:-1]
            yield lines, _rows(records, lines, whole)
            line += height

    def _texts(self) -> Iterator[tuple[str, bool]]:
        """The stream's text piece by piece, and whether it is the last one."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        line, first = 1, True
        while True:
            data = self._stream.read(self._wanted)
            self._progress(len(data))
            try:
                text = decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                bad = line + error.object[: error.start].count(b"\n")
                raise DialectError(bad, "there are bytes that are not UTF-8. Save the file as UTF-8.") from None
            if "\0" in text:
                raise DialectError(line + text[: text.index("\0")].count("\n"), "there is a NUL character. Remove it.")
            if first and text:
                text, first = text.removeprefix("\ufeff"), False
            yield text, not data
            if not data:
                return
            line += text.count("\n")


def _records(text: str, last: bool) -> tuple[list[str], str]:
    """The whole records at the beginning of a text, and what is left; nothing is left of the last text."""
    lines = text.split("\n")
    if last and not lines[-1]:
        lines.pop()
    if '"' not in text:
        return (lines, "") if last else (lines[:-1], lines[-1])
    records: list[str] = []
    opened: list[str] = []
    for line in lines if last else lines[:-1]:
        # A line break is inside a quoted cell exactly when the quotes before it are odd in number.
        odd = '"' in line and line.count('"') % 2
        if opened:
            opened.append(line)
            if odd:
                records.append("\n".join(opened))
                opened = []
        elif odd:
            opened.append(line)
        else:
            records.append(line)
    if last:
        return ([*records, "\n".join(opened)] if opened else records), ""
    return records, "\n".join([*opened, lines[-1]])


def _rows(records: list[str], lines: Sequence[int], whole: str) -> list[list[str]]:
    """The cells of many records; see EMPTY. Records without doubled quotes are left to the standard library's C code.

    That one lets a quote pass in the middle of a cell and any number of carriage returns at the end, and knows no empty
    record, so such records are taken apart here, where the right error is raised.
    """
    if '"' not in whole and "\r" not in whole:
        return [record.split(";") for record in records]
    if "\r\r" in whole:
        return [_cells(record, line) for record, line in zip(records, lines, strict=True)]
    simple = [record for record in records if '""' not in record]
    try:
        found = list(csv.reader(simple, delimiter=";", strict=True))
    except csv.Error:
        found = []
    if len(found) != len(simple) or [] in found or '"' in "".join(chain.from_iterable(found)):
        return [_cells(record, line) for record, line in zip(records, lines, strict=True)]
    if len(simple) == len(records):
        return found
    following = iter(found)
    return [_cells(record, line) if '""' in record else next(following) for record, line in zip(records, lines, strict=True)]


def _cells(record: str, line: int) -> list[str]:
    """The cells of a record that may hold quotes or carriage returns; see EMPTY."""
    record = record.removesuffix("\r")
    if '"' not in record:
        if "\r" in record:
            raise DialectError(line, "there is a carriage return outside quotes. Quote the cell.")
        return record.split(";")
    # Pieces with an even place lie outside quotes; an empty one between two others is a doubled quote.
    pieces = record.split('"')
    end = len(pieces) - 1
    if end % 2:
        raise DialectError(line, "a quoted cell is not closed, or a quote is not doubled.")
    cells = _outside(pieces[0], line, first=True, last=False)
    place = 1
    while place < end:
        value = pieces[place]
        while not pieces[place + 1] and place + 1 < end:
            value += '"' + pieces[place + 2]
            place += 2
        cells.append(value or EMPTY)
        cells += _outside(pieces[place + 1], line, first=False, last=place + 1 == end)
        place += 2
    return cells


def _outside(piece: str, line: int, *, first: bool, last: bool) -> list[str]:
    """The cells in a piece outside quotes, which a separator must divide from the quoted cells beside it."""
    if piece == ";" and not first and not last:
        return []
    if not piece and (first or last):
        return []
    start, stop = 0 if first else 1, len(piece) if last else len(piece) - 1
    if "\r" in piece or (not first and piece[0] != ";") or (not last and piece[-1] != ";") or start > stop:
        raise DialectError(line, "a quote stands inside a cell. Quote the whole cell and double the quotes in it.")
    return piece[start:stop].split(";")


def _counted(cells: int) -> str:
    return "1 cell" if cells == 1 else f"{cells} cells"


def _cleared(column: tuple[str, ...]) -> list[str | None]:
    if "" in column or EMPTY in column:
        return [value if value and value != EMPTY else "" if value else None for value in column]
    return list(column)


def cell(value: str | None) -> str:
    """One cell as a file holds it: quoted when it is empty or holds a separator, a quote or a line break."""
    if value is None:
        return ""
    if '"' in value:
        return '"' + value.replace('"', '""') + '"'
    if not value or ";" in value or "\n" in value or "\r" in value:
        return f'"{value}"'
    return value


def line(values: list[str]) -> bytes:
    """A line of texts, none of them missing, with its line end."""
    return (";".join(map(cell, values)) + "\n").encode()


def cells(values: list[str | None]) -> list[str]:
    """Many cells of one column at once: looked at one by one only where at least one of them needs quotes."""
    plain = ["" if value is None else value for value in values]
    whole = "".join(plain)
    if "" in values or any(character in whole for character in SPECIAL):
        return [cell(value) for value in values]
    return plain
