"""The embedded default, without any server: an export of 200 k clicks on SQLite against the ORM on the same SQLite."""

from pathlib import Path

from .exporting import export
from .measure import Line, Pairs, in_turn
from .workplace import Workplace

LINES = (
    Line(
        "embedded",
        "200 k clicks from position to stored archive, SQLite",
        "Django ORM with csv and zipfile on the same SQLite",
        1.0,
    ),
)


def measure(work: Workplace) -> dict[str, Pairs]:
    environment = work.environment | {"DATABASE_URL": "", "DATA_DIR": str(work.folder / "embedded")}
    Path(environment["DATA_DIR"]).mkdir()
    work.manage("migrate", **{name: environment[name] for name in ("DATABASE_URL", "DATA_DIR")})
    path = str(work.folder / "orm.zip")
    with work.actor(environment) as product, work.actor(environment) as peer:
        rows = work.rows(200_000)
        made = product("bench.sqlite_data:make_clicks", rows=rows, profiles=work.rows(50_000)).value
        product("bench.data:make_view", table=made["table"])

        def by_orm() -> float:
            reply = peer("bench.peers.orm:export", path=path)
            assert reply.value == rows
            return reply.seconds

        export(product, made)
        by_orm()
        found = in_turn(work.rounds, {"product": lambda: export(product, made).seconds, "orm": by_orm})
    return {"embedded": Pairs(found["product"], found["orm"])}
