"""The rows of a file, read from the database and written as CSV block by block, in memory that does not grow.

The two databases give the same bytes; `rows_postgresql` lets the server format them, `rows_sqlite` formats them here.
"""

from collections.abc import Iterator

from django.db import connection

from . import dialect, rows_postgresql, rows_sqlite
from .selection import Selection, header

__all__ = ["Rows", "Selection", "count", "header"]


class Rows:
    """The CSV file of a selection. `count`, `first_event_id` and `last_event_id` are final once `blocks()` is exhausted.

    The ids are those of the first and the last row, None when there is no row.
    """

    def __init__(self, selection: Selection) -> None:
        self.selection = selection
        self.count = 0
        self.first_event_id: int | None = None
        self.last_event_id: int | None = None

    def blocks(self) -> Iterator[bytes]:
        """The file in blocks of about 256 KiB, the header line first.

        Raises PositionError for a position of another database, and django.db.Error when the database fails, also
        in the middle; the connection can be used afterwards. A generator left early is closed by its consumer, so
        that the statement is cancelled at once.
        """
        backend = rows_postgresql if connection.vendor == "postgresql" else rows_sqlite
        yield dialect.line(header(self.selection))
        for block in backend.read(self.selection):
            self.count += block.rows
            if self.first_event_id is None:
                self.first_event_id = block.first_event_id
            self.last_event_id = block.last_event_id
            yield block.data


def count(selection: Selection) -> int:
    """How many rows the file of a selection would have now. Raises PositionError and django.db.Error as `Rows` does."""
    backend = rows_postgresql if connection.vendor == "postgresql" else rows_sqlite
    number: int = backend.count(selection)
    return number
