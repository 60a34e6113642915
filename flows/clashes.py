"""Finds flows whose files could overwrite one another, by their templates and by the folders that they write to."""

import posixpath
from collections.abc import Hashable, Iterable

from transfers.models import Location, Server

from .models import Flow
from .naming import Names, any_clash, clashes


def place(location: Location) -> Hashable | None:
    """The folder as others may know it: one folder of one server, by whatever location. None where nothing is written.

    A leading slash does not count, since the folder after the log-in is the root of most servers.
    """
    server = location.server
    if server.protocol == Server.Protocol.PORTAL:
        return None
    folder = posixpath.normpath("/" + location.folder.strip()).lstrip("/")
    return server.host.strip().lower(), server.effective_port, server.username, folder


def names_of(flow: Flow, locations: Iterable[Location]) -> Names:
    """What `flow` calls its files when it writes to `locations`, saved or not."""
    places = frozenset(found for location in locations if (found := place(location)) is not None)
    return Names(flow.file_name, flow.account.name, flow.profile_table.name, flow.kind, places)


def clash(flow: Flow, locations: Iterable[Location]) -> str | None:
    """A sentence when `flow` with its template could overwrite a file of another flow at one of `locations`, else None."""
    names = names_of(flow, locations)
    others = (saved for saved in _saved(_hosts(locations)) if str(saved) != str(names))
    return clashes(names, others)


def first_clash(locations: Iterable[Location]) -> tuple[str, str] | None:
    """The first flow (`account/table/kind`) of all that write where `locations` are whose names clash, and the sentence."""
    found = any_clash(_saved(_hosts(locations)))
    return (str(found[0]), found[1]) if found else None


def _hosts(locations: Iterable[Location]) -> set[str]:
    return {location.server.host.strip().lower() for location in locations if place(location) is not None}


def _saved(hosts: set[str]) -> list[Names]:
    """The saved flows that write to any folder of these hosts."""
    servers = [pk for pk, host in Server.objects.values_list("pk", "host") if host.strip().lower() in hosts]
    flows = (
        Flow.objects.filter(locations__server__in=servers)
        .distinct()
        .select_related("profile_table__account")
        .prefetch_related("locations__server")
    )
    return [names_of(flow, flow.locations.all()) for flow in flows]
