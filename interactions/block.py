"""A piece of a CSV file of whole rows, as the databases' readers hand it on."""

from typing import NamedTuple

SIZE = 256 * 1024


class Block(NamedTuple):
    """`data` is about SIZE bytes and holds `rows` rows, at least one."""

    data: bytes
    rows: int
    first_event_id: int
    last_event_id: int
