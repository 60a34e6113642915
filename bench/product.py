"""The product as its workers run it: the same functions, called in a warm process."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from accounts.models import Account, ProfileTable
from flows import archives, delivery, pipeline, schedule
from flows.models import Delivery, Flow, Run
from interactions import position, rows_postgresql
from interactions.kinds import KINDS
from interactions.loading import load_campaigns, load_events, load_profiles
from interactions.rows import Rows, Selection, header
from transfers.client import connect
from transfers.models import Location, Server


def open_run(flow: int, lower: str) -> int:
    """Sets the flow back to `lower`, forgets its runs, and opens one."""
    forget(flow)
    Flow.objects.filter(pk=flow).update(position=lower, sequence=0)
    return schedule.open_manual(Flow.objects.get(pk=flow)).pk


def forget(flow: int) -> None:
    """Removes the flow's runs with their deliveries and archives."""
    for run in Run.objects.filter(flow=flow):
        if run.archive:
            archives.storage().delete(run.archive)
    Delivery.objects.filter(run__flow=flow).delete()
    Run.objects.filter(flow=flow).delete()


def execute(run: int) -> dict[str, Any]:
    """From the claim to the moved position. Raises when no file was made."""
    made = pipeline.execute(run)
    assert made is not None, "The run could not be claimed."
    assert made.status == Run.Status.DONE, made.error + made.trace
    path = archives.storage().path(made.archive)
    return {"rows": made.rows, "csv_bytes": made.csv_bytes, "bytes": made.archive_bytes, "path": path}


def execute_and_deliver(run: int, server: int) -> None:
    """What a worker does for a due flow: the file is made, then goes to the server."""
    execute(run)
    delivery.deliver_waiting(server)
    made = Delivery.objects.get(run=run)
    assert made.status == Delivery.Status.DELIVERED, made.error + made.trace


def statement(flow: int, lower: str, target: str = "STDOUT") -> str:
    """The COPY of the flow's window from `lower` until now, as the product sends it, with another target if wanted."""
    run = Run.objects.select_related("flow__profile_table__account").get(pk=open_run(flow, lower))
    run.lower, run.upper = lower, position.current()
    connection.ensure_connection()
    text = rows_postgresql.statement(pipeline.selection(run)).as_string(connection.connection)
    head, middle, tail = text.rpartition("TO STDOUT")
    forget(flow)
    return f"{head}{middle.replace('STDOUT', target)}{tail}"


def header_of(flow: int) -> list[str]:
    """The names of the columns of the flow's files."""
    run = Run(flow=Flow.objects.select_related("profile_table__account").get(pk=flow))
    return header(pipeline.selection(run))


def planner_settings() -> str:
    """The statements that put a session of one's own under the settings of an export."""
    return (
        f"SET work_mem = '{settings.EXPORT_WORK_MEM}'; SET jit = off;"
        f" SET max_parallel_workers_per_gather = {settings.EXPORT_PARALLEL_WORKERS};"
    )


def window(flow: int, lower: str, upper: str, search_path: str) -> Selection:
    """What an export of that window reads; its events lie in the first schema of `search_path` that has them."""
    run = Run(flow=Flow.objects.select_related("profile_table__account").get(pk=flow), lower=lower, upper=upper)
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('search_path', %s, false)", [search_path])
    return pipeline.selection(run)


def read_rows(flow: int, lower: str, upper: str, search_path: str) -> int:
    """Reads a window as an export does, and returns how many rows it had."""
    rows = Rows(window(flow, lower, upper, search_path))
    for _ in rows.blocks():
        pass
    return rows.count


def plan(flow: int, lower: str, upper: str, search_path: str) -> str:
    """PostgreSQL's plan of the window's query with the pages that it read, as JSON; under the settings of an export."""
    chosen = window(flow, lower, upper, search_path)
    connection.ensure_connection()
    text = rows_postgresql.statement(chosen).as_string(connection.connection)
    query = text.removeprefix("COPY (").rpartition(") TO STDOUT")[0]
    with connection.cursor() as cursor:
        cursor.execute(planner_settings())
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}")
        found = cursor.fetchone()[0]
    return json.dumps(found) if not isinstance(found, str) else found


def load(table: int, path: str) -> int:
    """Loads a file of clicks, as `manage.py load_events` does."""
    with Path(path).open("rb") as stream:
        return load_events(ProfileTable.objects.get(pk=table), KINDS["email_click"], stream, path)


def load_people(table: int, profiles: str, campaigns: str) -> None:
    """Loads the profiles and campaigns that the clicks name."""
    profile_table = ProfileTable.objects.get(pk=table)
    with Path(profiles).open("rb") as stream:
        load_profiles(profile_table, stream, profiles)
    with Path(campaigns).open("rb") as stream:
        load_campaigns(profile_table.account, stream, campaigns)


def make_server(account: str, name: str, fields: dict[str, Any], folder: str) -> dict[str, int]:
    """A server of the account with one location; the numbers of both."""
    owner = Account.objects.get_or_create(name=account, defaults={"label": account})[0]
    Server.objects.filter(account=owner, name=name).delete()
    server = Server.objects.create(account=owner, name=name, **fields)
    location = Location.objects.create(account=owner, name=name, server=server, folder=folder)
    return {"server": server.pk, "location": location.pk}


def send_flow_to(flow: int, location: int) -> None:
    Flow.objects.get(pk=flow).locations.set([location])


def upload(server: int, path: str, folder: str, name: str) -> None:
    """One file to the server, from connecting to closing, with the size checked and the file renamed into place."""
    with connect(Server.objects.get(pk=server)) as client, Path(path).open("rb") as source:
        client.upload(source, Path(path).stat().st_size, folder, name, lambda sent: None)
