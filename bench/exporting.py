"""From a position to a stored archive: 1 M clicks against the server alone, psql with zip, and stdlib zlib; memory and growth."""

from functools import partial
from pathlib import Path
from typing import Any

from .cluster import programs
from .measure import Actor, Line, Pairs, in_turn, shell
from .workplace import Workplace

LINES = (
    Line("export_server", "1 M clicks from position to stored archive", "the same COPY on the server to /dev/null", 1.55),
    Line("export_psql_zip", "1 M clicks from position to stored archive", "`psql` COPY piped to `zip`", 0.80),
    Line("archive_size", "archive of 1 M clicks, default codec", "`zip -6`", 1.05, "MB"),
    Line("client_cpu", "client CPU for 1 M clicks", "COPY with stdlib zlib 6", 0.55),
)
GROWTH = (
    Line("memory_1m", "peak memory of an export of 1 M clicks", "of 0.1 M", 8, "MiB", difference=True),
    Line("memory_5m", "peak memory of an export of 5 M clicks", "of 0.1 M", 8, "MiB", difference=True),
    Line("time_per_row", "time per row of an export of 5 M clicks", "of 1 M", 1.15, "µs"),
)
PROFILES = 200_000


def clicks(work: Workplace, actor: Actor, rows: int, name: str = "customers") -> dict[str, Any]:
    """A table of clicks with its flow; the product has exported a little of another table before, so it is warm."""
    small = actor("bench.data:make_clicks", account="warm", name=name, rows=1000, profiles=100).value
    made = actor("bench.data:make_clicks", account="acme", name=name, rows=rows, profiles=work.rows(PROFILES)).value
    for table in ("interactions_emailevent", "interactions_profile"):
        actor("bench.data:tidy", table=table)
    export(actor, small)
    return dict(made)


def export(actor: Actor, made: dict[str, Any]) -> Any:
    """One export of all the clicks; what it took and made."""
    run = actor("bench.product:open_run", flow=made["flow"], lower=made["lower"]).value
    reply = actor("bench.product:execute", run=run)
    assert reply.value["rows"] == made["rows"], f"{reply.value['rows']} rows instead of {made['rows']}"
    return reply


def measure(work: Workplace) -> dict[str, Pairs]:
    with work.database("exporting") as name, work.actor(work.settings(name)) as actor:
        return _export_lines(work, actor, name, clicks(work, actor, work.rows(1_000_000)))


def _export_lines(work: Workplace, actor: Actor, database: str, made: dict[str, Any]) -> dict[str, Pairs]:
    ask = {"flow": made["flow"], "lower": made["lower"]}
    to_null = actor("bench.product:statement", **ask, target="'/dev/null'").value
    to_client = actor("bench.product:statement", **ask).value
    settings = actor("bench.product:planner_settings").value
    script, null_script = work.folder / "clicks.sql", work.folder / "null.sql"
    script.write_text(to_client, encoding="utf-8")
    null_script.write_text(f"{settings}\n{to_null}", encoding="utf-8")
    psql = f"{programs() / 'psql'} {work.url(database)} -qX -v ON_ERROR_STOP=1"
    by_hand = work.folder / "by-hand.zip"

    def zip_by_hand() -> float:
        by_hand.unlink(missing_ok=True)
        return shell(f"{psql} -f {script} | zip -q -6 {by_hand} -", work.environment)

    with work.actor(work.plain()) as peer:
        zlib = {"url": work.url(database), "statement": to_client, "path": str(work.folder / "zlib.zip")}
        peer("bench.peers.copy_zlib:export", **zlib)
        found = in_turn(
            work.rounds,
            {
                "server": lambda: shell(f"{psql} -f {null_script}", work.environment),
                "product": lambda: export(actor, made),
                "zip": zip_by_hand,
                "zlib": lambda: peer("bench.peers.copy_zlib:export", **zlib),
            },
        )
    pairs = {line.name: Pairs() for line in LINES}
    for server, product, zipped, deflated in zip(*found.values(), strict=True):
        pairs["export_server"].add(product.seconds, server)
        pairs["export_psql_zip"].add(product.seconds, zipped)
        pairs["archive_size"].add(product.value["bytes"] / 1e6, Path(by_hand).stat().st_size / 1e6)
        pairs["client_cpu"].add(product.cpu, deflated.cpu)
    return pairs


def growth(work: Workplace) -> dict[str, Pairs]:
    """Each export in a fresh process, since the peak of a process never falls."""
    # The least of them is enough to bring every buffer into use.
    sizes = {"0.1m": max(work.rows(100_000), 20_000), "1m": work.rows(1_000_000), "5m": work.rows(5_000_000)}
    pairs = {line.name: Pairs() for line in GROWTH}
    with work.database("growth") as name:
        made = {}
        with work.actor(work.settings(name)) as actor:
            for label, rows in sizes.items():
                made[label] = clicks(work, actor, rows, name=f"t{label.replace('.', '-')}")

        def fresh(label: str) -> Any:
            with work.actor(work.settings(name)) as actor:
                small = actor("bench.data:make_clicks", account="warm", name=f"w{next(numbers)}", rows=1000, profiles=10).value
                export(actor, small)
                return export(actor, made[label])

        numbers = iter(range(1000))
        found = in_turn(work.rounds, {label: partial(fresh, label) for label in sizes})
    for least, middle, most in zip(found["0.1m"], found["1m"], found["5m"], strict=True):
        pairs["memory_1m"].add(middle.peak / 1024, least.peak / 1024)
        pairs["memory_5m"].add(most.peak / 1024, least.peak / 1024)
        pairs["time_per_row"].add(most.seconds / sizes["5m"] * 1e6, middle.seconds / sizes["1m"] * 1e6)
    return pairs
