"""What a file is made of: the events it holds, and the columns it shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from accounts.models import Attribute, ProfileTable

from .kinds import Column, Kind


@dataclass(frozen=True)
class Selection:
    """The events of one kind and profile table that `upper` holds and `lower` does not, and how they are shown.

    `upper` and `lower` are positions; an empty `lower` means from the beginning. Events of the moment `start` or later
    belong too, even when `lower` holds them. With `range_from` and `range_to` the events are those with
    `range_from <= moment < range_to` that `upper` holds, whatever `lower` and `start` say. `moments` is "utc" or
    "local", the latter in `zone`. `attributes` are the enrichment, in the order of its columns.
    """

    kind: Kind
    profile_table: ProfileTable
    attributes: Sequence[Attribute]
    moments: str
    zone: ZoneInfo
    upper: str
    lower: str = ""
    start: datetime | None = None
    range_from: datetime | None = None
    range_to: datetime | None = None

    @property
    def columns(self) -> list[Column | Attribute]:
        """The kind's columns, with the enrichment right after `businessKey`."""
        columns: list[Column | Attribute] = []
        for column in self.kind.columns:
            columns.append(column)
            if column.header == "businessKey":
                columns.extend(self.attributes)
        return columns


def header(selection: Selection) -> list[str]:
    """The names of the file's columns."""
    return [column.header if isinstance(column, Column) else column.name for column in selection.columns]
