"""Reads a configuration file: what it asks for as entries, and everything that is wrong with it, by the path of the key.

It looks at no database; `flows.configuration` applies what is read here.
"""

import tomllib
import zoneinfo
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accounts.models import Attribute
from interactions.kinds import KINDS
from transfers.models import Location, Server

from .configuration_keys import Table
from .errors import FlowError
from .models import Flow
from .naming import DEFAULT_TEMPLATE


class ConfigurationError(FlowError):
    """What is wrong with a configuration file: `problems` are sentences that name the file and the key."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems), permanent=True)
        self.problems = problems


@dataclass
class Entry:
    """One table of the file: `values` maps fields of the model to what they shall be; a field that is not there stays as it is."""

    path: str
    name: str
    values: dict[str, Any]


@dataclass
class AccountEntry(Entry):
    tables: list["TableEntry"] = field(default_factory=list)
    servers: list[Entry] = field(default_factory=list)
    locations: list["LocationEntry"] = field(default_factory=list)
    flows: list["FlowEntry"] = field(default_factory=list)


@dataclass
class TableEntry(Entry):
    """`attributes` is None when the file says nothing of them."""

    attributes: list[Entry] | None


@dataclass
class LocationEntry(Entry):
    server: str


@dataclass
class FlowEntry(Entry):
    """`name` is the kind; `locations` and `enrichment` are names."""

    table: str
    locations: list[str]
    enrichment: list[str]


def read(path: Path) -> list[AccountEntry]:
    """The accounts of the file. Raises ConfigurationError with all that is wrong in the file itself."""
    try:
        data = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise ConfigurationError([f"{path}: the file cannot be read: {error.strerror}."]) from None
    except UnicodeDecodeError as error:
        raise ConfigurationError([f"{path}: the file is not UTF-8 (byte {error.start})."]) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([f"{path}: this is not TOML: {error}."]) from None
    root = Table(data, "", path.parent)
    accounts = [_account(table) for table in root.tables("account")]
    root.unique("account", accounts, lambda entry: entry.name)
    root.finish()
    if root.problems:
        raise ConfigurationError([f"{path}: {problem}" for problem in root.problems])
    return accounts


def _account(table: Table) -> AccountEntry:
    name = table.text("name")
    time_zone = table.text("time_zone", "UTC")
    label = table.text("label", "") or name
    entry = AccountEntry(table.path, name, {"label": label, "time_zone": time_zone})
    entry.tables = [_table(each) for each in table.tables("table")]
    entry.servers = [_server(each) for each in table.tables("server")]
    entry.locations = [_location(each) for each in table.tables("location")]
    zone = zoneinfo.ZoneInfo(time_zone) if time_zone in zoneinfo.available_timezones() else zoneinfo.ZoneInfo("UTC")
    entry.flows = [_flow(each, zone) for each in table.tables("flow")]
    for key, entries in (("table", entry.tables), ("server", entry.servers), ("location", entry.locations)):
        table.unique(key, entries, lambda each: each.name)
    table.unique("flow", entry.flows, lambda each: f"{each.table}/{each.name}")
    table.finish()
    return entry


def _table(table: Table) -> TableEntry:
    attributes = None
    if table.has("attributes"):
        inner = table.tables("attributes")
        attributes = [_attribute(each) for each in inner]
        table.unique("attributes", attributes, lambda each: each.name)
    entry = TableEntry(table.path, table.text("name"), {}, attributes)
    table.finish()
    return entry


def _attribute(table: Table) -> Entry:
    values = {
        "type": table.choice("type", Attribute.Type.values, Attribute.Type.TEXT.value),
        "multi_valued": table.flag("multi_valued", False),
    }
    entry = Entry(table.path, table.text("name"), values)
    table.finish()
    return entry


def _server(table: Table) -> Entry:
    values: dict[str, Any] = {
        "protocol": table.choice("protocol", Server.Protocol.values, Server.Protocol.SFTP.value),
        "host": table.text("host", ""),
        "port": table.number("port", None, 1, 65535),
        "username": table.text("username", ""),
        "ca_certificate": table.certificates("ca_file"),
        "hosted": table.flag("hosted", False),
    }
    for key in ("password", "private_key", "passphrase"):
        if (secret := table.secret(key)) is not None:
            values[key] = secret
    if table.has("host_keys"):
        values["host_keys"] = "\n".join(table.host_keys("host_keys"))
    _peculiarities(table, values)
    entry = Entry(table.path, table.text("name"), values)
    table.finish()
    return entry


def _peculiarities(table: Table, values: dict[str, Any]) -> None:
    """What support finds out about a server and may set in the admin: left as it is when the file does not say."""
    for key in ("tls12_only", "trust_passive_address", "can_rename", "can_stat"):
        if table.has(key):
            values[key] = table.flag(key, False)
    if table.has("max_connections"):
        values["max_connections"] = table.number("max_connections", 2, 1, 50)
    if table.has("encoding"):
        values["encoding"] = table.choice("encoding", Server.Encoding.values, "utf-8")
    if table.has("pinned_certificate"):
        values["pinned_certificate"] = table.text("pinned_certificate")


def _location(table: Table) -> LocationEntry:
    companions = table.texts("companions")
    for name in companions:
        table.known(f"companions[{companions.index(name)}]", name, Location.COMPANIONS, "a companion")
    values: dict[str, Any] = {"folder": table.text("folder", "")}
    values |= {name: name in companions for name in Location.COMPANIONS}
    if table.has("pgp_keys_file"):
        values["pgp_keys"] = table.content("pgp_keys_file")
    entry = LocationEntry(table.path, table.text("name"), values, table.text("server"))
    table.finish()
    return entry


def _flow(table: Table, zone: zoneinfo.ZoneInfo) -> FlowEntry:
    kind = table.text("kind")
    if kind:
        table.known("kind", kind, KINDS, "a kind of the catalogue")
    values: dict[str, Any] = {
        "launch_time": table.wall_time("launch_time"),
        "file_name": table.text("file_name", DEFAULT_TEMPLATE),
        "moments": table.choice("moments", Flow.Moments.values, Flow.Moments.UTC.value),
        "when_empty": table.choice("when_empty", Flow.WhenEmpty.values, Flow.WhenEmpty.HEADER_ONLY.value),
        "start": table.moment("start", zone),
    }
    if table.has("active"):
        values["active"] = table.flag("active", False)
    entry = FlowEntry(table.path, kind, values, table.text("table"), table.texts("locations"), table.texts("enrichment"))
    table.finish()
    return entry
