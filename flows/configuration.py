"""Makes accounts, tables, servers, locations and flows match a configuration file, in one transaction.

What the file does not mention stays as it is; nothing but attributes is ever deleted.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import Account, Attribute, ProfileTable
from interactions.kinds import KINDS
from transfers import keys
from transfers.models import Location, Server
from transfers.secrets import SecretError

from .clashes import first_clash
from .configuration_changes import Change, difference, same, sentences, shown
from .configuration_file import AccountEntry, ConfigurationError, Entry, FlowEntry, LocationEntry, TableEntry, read
from .configuration_keys import closest
from .models import Enrichment, Flow, doubled


def configure(path: Path) -> list[Change]:
    """Applies the file at `path`; returns what changed, in order. Raises ConfigurationError, having changed nothing."""
    accounts = read(path)
    application = Application()
    with transaction.atomic():
        for entry in accounts:
            application.account(entry)
        application.finish()
        if application.problems:
            raise ConfigurationError([f"{path}: {problem}" for problem in application.problems])
    return application.changes


class Application:
    """One application of a file: collects changes and problems; the caller's transaction makes it all or nothing."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.problems: list[str] = []
        self._unwanted: list[tuple[str, Attribute]] = []
        self._flows: dict[str, str] = {}
        self._locations: dict[int, Location] = {}

    def account(self, entry: AccountEntry) -> None:
        account = self._put(Account(name=entry.name), {"name": entry.name}, entry, "account", entry.name)
        if account is None:
            return
        for table in entry.tables:
            self._table(account, table)
        for server in entry.servers:
            self._server(account, server)
        for location in entry.locations:
            self._location(account, entry, location)
        for flow in entry.flows:
            self._flow(account, entry, flow)

    def finish(self) -> None:
        """What can be judged only once everything else is in place: attributes that go, and names that clash."""
        for path, attribute in self._unwanted:
            self._remove(path, attribute)
        if self.problems or not self._locations:
            return
        if found := first_clash(self._locations.values()):
            flow, sentence = found
            where = self._flows.get(flow)
            self.problems.append(f"{where}.file_name: {sentence}" if where else sentence)

    def _table(self, account: Account, entry: TableEntry) -> None:
        name = f"{account.name}/{entry.name}"
        table = self._put(
            ProfileTable(account=account, name=entry.name), {"account": account, "name": entry.name}, entry, "table", name
        )
        if table is None or entry.attributes is None:
            return
        known = {attribute.name: attribute for attribute in table.attributes.all()}
        for attribute in entry.attributes:
            row = Attribute(profile_table=table, name=attribute.name)
            lookup = {"profile_table": table, "name": attribute.name}
            self._put(row, lookup, attribute, "table", name, part=f"attribute {attribute.name}")
            known.pop(attribute.name, None)
        self._unwanted += [(f"{entry.path}.attributes", attribute) for attribute in known.values()]

    def _remove(self, path: str, attribute: Attribute) -> None:
        using = Enrichment.objects.filter(attribute=attribute).select_related("flow__profile_table__account").first()
        if using:
            self.problems.append(
                f"{path}: {attribute.name} is not in the list, but flow {using.flow} uses it. "
                "Keep the attribute, or take it out of the flow's enrichment first."
            )
            return
        self._note("table", str(attribute.profile_table), "removed", f"attribute {attribute.name}")
        attribute.delete()

    def _server(self, account: Account, entry: Entry) -> None:
        lookup = {"account": account, "name": entry.name}
        if private_key := entry.values.get("private_key"):
            stored = Server.objects.filter(**lookup).first()
            try:
                passphrase = entry.values.get("passphrase") or (stored.passphrase.reveal() if stored else "")
                entry.values["public_key"] = keys.public_line(private_key, passphrase)
            except (keys.KeyRefused, SecretError) as error:
                self.problems.append(f"{entry.path}.private_key: {error}")
        self._put(Server(account=account, name=entry.name), lookup, entry, "server", f"{account.name}/{entry.name}")

    def _location(self, account: Account, whole: AccountEntry, entry: LocationEntry) -> None:
        server = self._find(Server.objects.filter(account=account), entry.server, whole.servers, f"{entry.path}.server", "server")
        if server is None:
            return
        entry.values["server"] = server
        name = f"{account.name}/{entry.name}"
        # Who writes the file has decided; the admin asks for a passed connection test.
        location = Location(account=account, name=entry.name, accepted_untested=True)
        self._put(location, {"account": account, "name": entry.name}, entry, "location", name)

    def _flow(self, account: Account, whole: AccountEntry, entry: FlowEntry) -> None:
        tables = ProfileTable.objects.filter(account=account)
        table = self._find(tables, entry.table, whole.tables, f"{entry.path}.table", "table")
        places = Location.objects.filter(account=account).select_related("server")
        locations = [
            self._find(places, name, whole.locations, f"{entry.path}.locations[{place}]", "location")
            for place, name in enumerate(entry.locations)
        ]
        if table is None:
            return
        attributes = self._attributes(table, entry)
        name = f"{table}/{entry.name}"
        flow = Flow(profile_table=table, kind=entry.name)
        saved = self._put(flow, {"profile_table": table, "kind": entry.name}, entry, "flow", name)
        if saved is None:
            return
        self._flows[name] = entry.path
        created = self.changes[-1:] == [Change("flow", name, "created")]
        self._link(saved, [location for location in locations if location], created)
        self._enrich(saved, attributes, created)

    def _attributes(self, table: ProfileTable, entry: FlowEntry) -> list[Attribute]:
        known = {attribute.name: attribute for attribute in table.attributes.all()}
        for place, name in enumerate(entry.enrichment):
            if name not in known:
                path = f"{entry.path}.enrichment[{place}]"
                self.problems.append(f"{path}: {name!r} is not an attribute of the table {table}.{closest(name, known)}")
            elif name in KINDS[entry.name].headers:
                self.problems.append(f"{entry.path}.enrichment[{place}]: {doubled(name, KINDS[entry.name])}")
        return [known[name] for name in entry.enrichment if name in known]

    def _link(self, flow: Flow, locations: list[Location], created: bool) -> None:
        self._locations |= {location.pk: location for location in locations}
        before = sorted(location.name for location in flow.locations.all())
        after = sorted(location.name for location in locations)
        if before != after:
            flow.locations.set(locations)
            if not created:
                self._note("flow", str(flow), "changed", "locations", shown(before), shown(after))

    def _enrich(self, flow: Flow, attributes: list[Attribute], created: bool) -> None:
        before = [attribute.name for attribute in flow.attributes()]
        after = [attribute.name for attribute in attributes]
        if before != after:
            flow.enrichments.all().delete()
            Enrichment.objects.bulk_create(
                Enrichment(flow=flow, attribute=attribute, order=order) for order, attribute in enumerate(attributes)
            )
            if not created:
                self._note("flow", str(flow), "changed", "enrichment", shown(before), shown(after))

    def _find(self, rows: Any, name: str, entries: Iterable[Entry], path: str, sort: str) -> Any:
        """The row of that name, None with a problem noted when there is none; quiet when its own entry was refused."""
        row = rows.filter(name=name).first()
        if row is None and name not in {entry.name for entry in entries}:
            known = rows.values_list("name", flat=True)
            self.problems.append(f"{path}: {name!r} is not a {sort} of this account.{closest(name, known)}")
        return row

    def _put(self, new: Any, lookup: dict[str, Any], entry: Entry, sort: str, name: str, part: str = "") -> Any:
        """Creates the row or changes it where it differs; returns it, None with problems noted when it is refused."""
        row = type(new).objects.filter(**lookup).first() or new
        created = row.pk is None
        changed = [field for field, value in entry.values.items() if created or not same(getattr(row, field), value)]
        told = [field for field in changed if not created and field != "public_key"]
        changes = [difference(sort, name, part, field, getattr(row, field), entry.values[field]) for field in told]
        for field in changed:
            setattr(row, field, entry.values[field])
        if not created and not changed:
            return row
        try:
            row.full_clean()
        except ValidationError as error:
            self.problems += [f"{entry.path}{key}: {sentence}" for key, sentence in sentences(error)]
            return None
        row.save()
        self.changes += [Change(sort, name, "added" if part else "created", part)] if created else changes
        return row

    def _note(self, sort: str, name: str, what: str, key: str, before: str = "", after: str = "") -> None:
        self.changes.append(Change(sort, name, what, key, before, after))
