"""A file that comes in: its columns found by the header, its cells checked batch by batch, its errors told in sentences."""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import BinaryIO

from . import values
from .dialect import Batch, DialectError, Reader
from .values import Check

Progress = Callable[[int], None]


class LoadError(Exception):
    """Why a file was not loaded: a sentence that names file, line, column and reason. Nothing was written."""


class File:
    """A file in the contract's dialect, read from a binary stream; `name` is what messages call it.

    `checks` are the columns that must be there, each with the check of its cells; `ignored` may be there, and nothing
    else; `filled` are those of the first that no row may leave out. Raises LoadError when the header is wrong.
    """

    def __init__(
        self,
        stream: BinaryIO,
        name: str,
        checks: dict[str, Check],
        ignored: Collection[str] = (),
        filled: Collection[str] = (),
        optional: Collection[str] = (),
        progress: Progress = lambda size: None,
    ) -> None:
        self.name = name
        self.filled = filled
        try:
            self._reader = Reader(stream, progress)
        except DialectError as error:
            raise LoadError(f"{name}, line {error.line}: {error}") from None
        self._places = self._find(list(checks), ignored, optional)
        self.checks = {column: check for column, check in checks.items() if column in self._places}

    def _find(self, wanted: list[str], ignored: Collection[str], optional: Collection[str]) -> dict[str, int]:
        required = [column for column in wanted if column not in optional]
        places: dict[str, int] = {}
        for place, column in enumerate(self._reader.header):
            if column in places:
                raise self.error(1, column, "the column is there twice. Remove one.")
            if column not in wanted and column not in ignored:
                reason = f"there is no such column. Remove it, or write one of {', '.join(wanted)}."
                raise self.error(1, column or '""', reason)
            places[column] = place
        for column in required:
            if column not in places:
                raise self.error(1, column, f"the column is missing. The file needs {', '.join(required)}.")
        return places

    def batches(self) -> Iterator[tuple[Batch, list[list[str | None]]]]:
        """Each batch with the columns of `checks` in their order, in canonical texts. Raises LoadError."""
        try:
            for batch in self._reader.batches():
                yield batch, self._checked(batch)
        except DialectError as error:
            raise LoadError(f"{self.name}, line {error.line}: {error}") from None

    def error(self, line: int, column: str, reason: str) -> LoadError:
        return LoadError(f"{self.name}, line {line}, column {column}: {reason}")

    def _checked(self, batch: Batch) -> list[list[str | None]]:
        columns, errors = [], []
        for name, check in self.checks.items():
            column = batch.columns[self._places[name]]
            try:
                if name in self.filled and None in column:
                    raise ValueError
                columns.append(values.column(column, check))
            except ValueError:
                place, reason = _first_bad(column, check, name in self.filled)
                errors.append((batch.lines[place], name, reason))
        if errors:
            # The first line of the file that has an error, whichever column it is in.
            raise self.error(*min(errors, key=lambda error: error[0]))
        return columns


def _first_bad(column: Iterable[str | None], check: Check, filled: bool) -> tuple[int, str]:
    """The place of the first bad value, and what is wrong with it."""
    for place, value in enumerate(column):
        try:
            if value is not None:
                check(value)
            elif filled:
                return place, "the value is missing. Every row needs one."
        except ValueError as error:
            return place, str(error)
    raise LookupError("The column has no bad value.")
