"""The demo's configuration file: one account, two tables, two servers, three locations, and a flow for each table and kind."""

import json
from collections.abc import Iterator
from pathlib import Path

from interactions.kinds import KINDS

from . import data
from .servers import HOST, USER
from .state import State

ACCOUNT = "acme"
ENRICHMENT = {"customers": ["firstName", "interests"], "prospects": ["company", "score"]}


def write(state: State) -> Path:
    """Writes the file anew, since ports may have changed; `manage.py configure` changes what differs."""
    path = state.folder / "portal.toml"
    path.write_text("\n".join(lines(state)), encoding="utf-8")
    return path


def table(head: str, **values: object) -> str:
    """A TOML table; JSON's texts, numbers, booleans and lists of them are TOML's too."""
    return "\n".join([f"[[{head}]]", *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()), ""])


def lines(state: State) -> Iterator[str]:
    yield "# Written by the demo; the same shape serves a real account."
    yield table("account", name=ACCOUNT, label="Acme", time_zone=state.zone)
    for name, attributes in data.ATTRIBUTES.items():
        rows = ", ".join(
            f'{{name = "{attribute}", type = "{kind}", multi_valued = {json.dumps(multi)}}}'
            for attribute, kind, multi in attributes
        )
        yield f'[[account.table]]\nname = "{name}"\nattributes = [{rows}]\n'
    yield from servers(state)
    for place, code in enumerate(KINDS):
        location = "sftp-password" if place % 2 else "sftp-key"
        yield flow(state, "customers", code, location)
        yield flow(state, "prospects", code, "ftps")


def flow(state: State, name: str, code: str, location: str) -> str:
    return table(
        "account.flow",
        table=name,
        kind=code,
        launch_time=state.launch,
        locations=[location],
        enrichment=ENRICHMENT[name],
        active=True,
    )


def servers(state: State) -> Iterator[str]:
    """The SFTP server twice, with the password and with the key, and the FTPS server; a location on each."""
    host_key = " ".join((state.keys / "host_key.pub").read_text().split()[:2])
    password = {"password_file": str(state.keys / "server_password")}
    sftp = {"protocol": "sftp", "host": HOST, "port": state.sftp_port, "username": USER, "host_keys": [host_key]}
    ftps = {"protocol": "ftps", "host": HOST, "port": state.ftps_port, "username": USER, "ca_file": str(state.keys / "ca.pem")}
    yield table("account.server", name="sftp-password", **sftp, **password)
    yield table("account.server", name="sftp-key", **sftp, private_key_file=str(state.keys / "client_key"))
    yield table("account.server", name="ftps", **ftps, **password)
    for name in ("sftp-password", "sftp-key", "ftps"):
        yield table("account.location", name=name, server=name, folder="/", companions=["manifest", "checksum"])
