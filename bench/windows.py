"""A window of 1,000 rows among few and among many: pages that PostgreSQL reads, and the time the product takes.

The clicks of 200 profile tables lie in turn, so no two neighbours belong to one. The rows are short (no user agent, no link):
more of them fit a page, yet none of a page's rows belongs to the same window, which is the hardest case. A transaction holds one
window of each table. The table of 1 M rows lies in a schema of its own, with the same indexes.
"""

import json
from functools import partial
from typing import Any

from .measure import Actor, Line, Pairs, in_turn
from .workplace import Workplace

LINES = (
    Line("window_pages", "pages read for a window of 1,000 rows, 20 M in the table", "1 M in the table", 1.15, "pages"),
    Line("window_time", "a window of 1,000 rows as CSV, 20 M in the table", "1 M in the table", 1.15),
    Line(
        "window_pages_per_row",
        "pages of a window's events, 200 tables interleaved, 20 M rows",
        "rows of the window",
        1.1,
        "pages",
    ),
)
TABLES = 200
WINDOW = 1000
PEOPLE = 1000
SCHEMAS = {"few": ("few, public", "few.interactions_emailevent", 5), "many": ("public", "interactions_emailevent", 100)}


def measure(work: Workplace) -> dict[str, Pairs]:
    with work.database("windows") as name, work.actor(work.settings(name)) as actor:
        rows = work.rows(WINDOW)
        work.psql(
            "CREATE SCHEMA few; CREATE TABLE few.interactions_emailevent (LIKE public.interactions_emailevent INCLUDING ALL)",
            name,
        )
        tables = actor("bench.data:make_tables", account="acme", count=TABLES, profiles=PEOPLE).value
        windows = {label: _fill(actor, tables, rows, *SCHEMAS[label][1:]) for label in SCHEMAS}
        flow = actor("bench.data:make_flow", table=tables[TABLES // 2], lower=windows["many"][0]).value
        return _measured(work, actor, flow, rows, windows)


def _fill(actor: Actor, tables: list[int], rows: int, where: str, transactions: int) -> tuple[str, str]:
    """Fills the table of events; the positions around the transaction in its middle."""
    window = ("", "")
    for number in range(transactions):
        lower = actor("bench.data:current_position").value
        first = number * rows * len(tables)
        actor("bench.data:add_interleaved", where=where, tables=tables, rows=rows, people=PEOPLE, first=first)
        if number == transactions // 2:
            window = (lower, actor("bench.data:current_position").value)
    actor("bench.data:tidy", table=where)
    return window


def _measured(work: Workplace, actor: Actor, flow: int, rows: int, windows: dict[str, tuple[str, str]]) -> dict[str, Pairs]:
    def ask(label: str) -> dict[str, Any]:
        lower, upper = windows[label]
        return {"flow": flow, "lower": lower, "upper": upper, "search_path": SCHEMAS[label][0]}

    def read(label: str) -> float:
        reply = actor("bench.product:read_rows", **ask(label))
        assert reply.value == rows, f"The window has {reply.value} rows instead of {rows}."
        return reply.seconds

    pairs = {line.name: Pairs() for line in LINES}
    for label in SCHEMAS:
        read(label)
    # Some milliseconds each, so many rounds cost nothing.
    found = in_turn(work.rounds * 7, {label: partial(read, label) for label in SCHEMAS})
    pairs["window_time"] = Pairs(found["many"], found["few"])
    for _ in range(work.rounds):
        pages = {label: json.loads(actor("bench.product:plan", **ask(label)).value)[0]["Plan"] for label in SCHEMAS}
        pairs["window_pages"].add(_pages(pages["many"]), _pages(pages["few"]))
        pairs["window_pages_per_row"].add(sum(map(_pages, _scans(pages["many"]))), rows)
    return pairs


def _pages(node: dict[str, Any]) -> int:
    return int(node["Shared Hit Blocks"]) + int(node["Shared Read Blocks"])


def _scans(node: dict[str, Any]) -> list[dict[str, Any]]:
    """The nodes that read events; what is below them, such as a bitmap, is counted in them."""
    if node.get("Relation Name") == "interactions_emailevent":
        return [node]
    return [scan for child in node.get("Plans", []) for scan in _scans(child)]
