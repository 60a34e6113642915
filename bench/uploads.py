"""Uploads alone: SFTP over a long way against paramiko's `put` and OpenSSH's `sftp`, FTPS against ftplib, and memory."""

import os
from functools import partial
from pathlib import Path
from typing import Any

from .measure import Actor, Line, Pairs, in_turn, shell
from .servers import Target, sshd, vsftpd
from .workplace import Workplace

SFTP = (
    Line("sftp_put", "100 MB by SFTP, 50 ms to the server", "paramiko's `put`", 0.55),
    Line("sftp_openssh", "100 MB by SFTP, 50 ms to the server", "OpenSSH's `sftp`", 0.70),
)
FTPS = (Line("ftps_ftplib", "300 MB by FTPS, loopback, session reuse demanded", "ftplib with reuse, its default blocks", 0.8),)
MEMORY = (Line("upload_memory", "peak memory of an upload of 300 MB", "of 10 MB", 8, "MiB", difference=True),)


def source(work: Workplace, megabytes: int) -> Path:
    """A file that cannot be packed, as archives are; of this size at every scale, since a small one shows what connecting costs."""
    path = work.folder / f"source-{megabytes}"
    if not path.exists():
        with path.open("wb") as file:
            for _ in range(megabytes):
                file.write(os.urandom(1_000_000))
    return path


def server_row(actor: Actor, target: Target) -> int:
    made = actor("bench.product:make_server", account="uploads", name="bench", fields=target.fields, folder="")
    return int(made.value["server"])


def sftp(work: Workplace) -> dict[str, Pairs]:
    path = source(work, 100)
    with work.database("uploads") as name, sshd(work, far=True) as target:
        folder, remote = target.running.new_folder()
        with work.actor(work.settings(name)) as product, work.actor(work.plain()) as peer:
            server = server_row(product, target)
            who = {"host": "127.0.0.1", "port": target.fields["port"], "username": target.fields["username"]}
            put = {**who, "key": target.fields["private_key"], "path": str(path), "target": f"{remote}/put"}
            by_sftp = f"echo 'put {path} {remote}/sftp' | sftp -b - {target.options}"
            ask: dict[str, Any] = {"server": server, "path": str(path), "folder": remote, "name": "product"}
            product("bench.product:upload", **ask | {"path": __file__})
            peer("bench.peers.uploads:put", **put | {"path": __file__})
            found = in_turn(
                work.rounds,
                {
                    "product": lambda: product("bench.product:upload", **ask).seconds,
                    "put": lambda: peer("bench.peers.uploads:put", **put).seconds,
                    "sftp": lambda: shell(by_sftp, work.environment),
                },
            )
        assert (folder / "product").read_bytes() == path.read_bytes()
    return {"sftp_put": Pairs(found["product"], found["put"]), "sftp_openssh": Pairs(found["product"], found["sftp"])}


def ftps(work: Workplace) -> dict[str, Pairs]:
    path = source(work, 300)
    with work.database("uploads") as name, vsftpd(work) as target:
        folder, remote = target.running.new_folder()
        remote = remote.removeprefix(str(target.running.root)).strip("/") or folder.name
        with work.actor(work.settings(name)) as product, work.actor(work.plain()) as peer:
            server = server_row(product, target)
            who = {key: target.fields[key] for key in ("host", "port", "username", "password")}
            store = {**who, "ca": str(target.ca), "path": str(path), "target": f"{folder.name}/peer"}
            ask: dict[str, Any] = {"server": server, "path": str(path), "folder": folder.name, "name": "product"}
            product("bench.product:upload", **ask | {"path": __file__})
            peer("bench.peers.uploads:store", **store | {"path": __file__})
            found = in_turn(
                work.rounds + 4,  # short, so one that the disk disturbs shall not decide
                {
                    "product": lambda: product("bench.product:upload", **ask).seconds,
                    "peer": lambda: peer("bench.peers.uploads:store", **store).seconds,
                },
            )
        assert (folder / "product").stat().st_size == path.stat().st_size
    return {"ftps_ftplib": Pairs(found["product"], found["peer"])}


def memory(work: Workplace) -> dict[str, Pairs]:
    """Over SFTP with its several channels, on loopback; each upload in a fresh process."""
    paths = {"small": source(work, 10), "large": source(work, 300)}
    with work.database("uploads") as name, sshd(work, far=False) as target:
        _, remote = target.running.new_folder()
        with work.actor(work.settings(name)) as product:
            server = server_row(product, target)

        def fresh(label: str) -> float:
            with work.actor(work.settings(name)) as product:
                ask = {"server": server, "path": str(paths[label]), "folder": remote, "name": label}
                return product("bench.product:upload", **ask).peak / 1024

        found = in_turn(work.rounds, {label: partial(fresh, label) for label in paths})
    return {"upload_memory": Pairs(found["large"], found["small"])}
