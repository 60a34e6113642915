"""From a position to the file under its final name on an SFTP server: far away against the shell, near against the ecosystem."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .cluster import programs
from .exporting import clicks
from .measure import Actor, Line, Pairs, in_turn, shell
from .peers import environment, singer
from .servers import Target, sshd
from .workplace import Workplace

# At every scale: with fewer rows the lines would show what connecting costs, not what an export does.
FAR_ROWS, NEAR_ROWS = 1_000_000, 100_000
FAR = (Line("far_by_hand", "1 M clicks to an SFTP server 50 ms away", "`psql`, `zip`, `sftp` by hand", 0.75),)
NEAR = (
    Line("near_orm", "100 k clicks to an SFTP server, loopback", "Django ORM with csv, zipfile, paramiko", 0.4),
    Line("near_import_export", "100 k clicks to an SFTP server, loopback", "django-import-export, zipfile, paramiko", 0.12),
    Line("near_singer", "100 k clicks to an SFTP server, loopback", "Singer tap and target, zip, sftp", 0.1),
)


def product_rounds(actor: Actor, made: dict[str, Any], target: Target) -> Callable[[], float]:
    """A function that exports and delivers once, and returns the seconds."""
    _, remote = target.running.new_folder()
    place = actor("bench.product:make_server", account="acme", name="bench", fields=target.fields, folder=remote).value
    actor("bench.product:send_flow_to", flow=made["flow"], location=place["location"])

    def once() -> float:
        run = actor("bench.product:open_run", flow=made["flow"], lower=made["lower"]).value
        return actor("bench.product:execute_and_deliver", run=run, server=place["server"]).seconds

    return once


def far(work: Workplace) -> dict[str, Pairs]:
    with work.database("far") as name, work.actor(work.settings(name)) as actor, sshd(work, far=True) as target:
        made = clicks(work, actor, FAR_ROWS)
        script, archive = work.folder / "far.sql", work.folder / "far.zip"
        ask = {"flow": made["flow"], "lower": made["lower"]}
        script.write_text(actor("bench.product:statement", **ask).value, encoding="utf-8")
        _, remote = target.running.new_folder()

        def by_hand() -> float:
            archive.unlink(missing_ok=True)
            return shell(
                f"{programs() / 'psql'} {work.url(name)} -qX -v ON_ERROR_STOP=1 -f {script} | zip -q {archive} -;"
                f" echo 'put {archive} {remote}/by-hand.zip' | sftp -b - {target.options}",
                work.environment,
            )

        found = in_turn(work.rounds, {"product": product_rounds(actor, made, target), "hand": by_hand})
    return {"far_by_hand": Pairs(found["product"], found["hand"])}


def near(work: Workplace) -> dict[str, Pairs]:
    with work.database("near") as name, work.actor(work.settings(name)) as actor, sshd(work, far=False) as target:
        made = clicks(work, actor, NEAR_ROWS)
        actor("bench.data:make_view", table=made["table"])
        product = product_rounds(actor, made, target)
        pairs = {"near_orm": _against(work, product, lambda: _orm(work, name, target))}
        for line, peer in {
            "near_import_export": lambda: _import_export(work, name, target),
            "near_singer": lambda: _singer(work, name, target),
        }.items():
            try:
                pairs[line] = _against(work, product, peer)
            except (RuntimeError, OSError) as error:
                pairs[line] = Pairs(note=f"Not measured: {str(error).strip().splitlines()[-1][:300]}")
        return pairs


def _against(work: Workplace, product: Callable[[], float], prepare: Callable[[], tuple[Callable[[], float], Any]]) -> Pairs:
    peer, close = prepare()
    try:
        found = in_turn(work.rounds, {"product": product, "peer": peer})
    finally:
        close()
    return Pairs(found["product"], found["peer"])


def _put(target: Target) -> dict[str, Any]:
    fields = target.fields
    return {"host": "127.0.0.1", "port": fields["port"], "username": fields["username"], "key": fields["private_key"]}


def _orm(work: Workplace, database: str, target: Target) -> tuple[Callable[[], float], Any]:
    return _python_peer(work, Actor(work.settings(database)), "bench.peers.orm:export_and_put", target)


def _import_export(work: Workplace, database: str, target: Target) -> tuple[Callable[[], float], Any]:
    settings = work.settings(database, DJANGO_SETTINGS_MODULE="bench.peers.plain_settings")
    actor = Actor(settings, environment.python())
    return _python_peer(work, actor, "bench.peers.import_export:export_and_put", target)


def _python_peer(work: Workplace, actor: Actor, call: str, target: Target) -> tuple[Callable[[], float], Any]:
    _, remote = target.running.new_folder()
    ask = {"path": str(work.folder / "peer.zip"), "server": _put(target), "target": f"{remote}/peer.zip"}

    def once() -> float:
        reply = actor(call, **ask)
        assert reply.value == NEAR_ROWS, f"{call} wrote {reply.value} rows."
        return reply.seconds

    return once, actor.close


def _singer(work: Workplace, database: str, target: Target) -> tuple[Callable[[], float], Any]:
    folder = work.folder / "singer"
    command = singer.prepare(folder, work.url(database))
    _, remote = target.running.new_folder()

    def once() -> float:
        taken = shell(
            f"rm -f {folder}/*.csv {folder}/clicks.zip; {command}; zip -q -j {folder}/clicks.zip {folder}/*.csv;"
            f" echo 'put {folder}/clicks.zip {remote}/singer.zip' | sftp -b - {target.options}",
            work.environment,
        )
        _has_rows(folder, NEAR_ROWS)
        return taken

    return once, lambda: None


def _has_rows(folder: Path, rows: int) -> None:
    with next(iter(folder.glob("*.csv"))).open("rb") as file:
        lines = sum(1 for _ in file)
    assert lines >= rows, f"The Singer target wrote {lines} lines."
