"""What the demo shows for its files: where they lie, how many, and one of them opened."""

import hashlib
import io
import zipfile
from itertools import islice
from pathlib import Path

from rich.console import Console

from flows.models import Delivery

from .processes import DemoError
from .state import State

LINES = 4


def folder_of(delivery: Delivery, state: State) -> Path:
    return state.ftps if delivery.location.server.protocol == "ftps" else state.sftp


def show(state: State, console: Console) -> None:
    """Prints the folders and the head of one file. Raises DemoError when a delivered file is not there, byte for byte."""
    deliveries = list(
        Delivery.objects.filter(status=Delivery.Status.DELIVERED)
        .select_related("run__flow__profile_table__account", "location__server")
        .order_by("run_id")
    )
    for delivery in deliveries:
        path = folder_of(delivery, state) / delivery.run.file_name
        if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != delivery.run.archive_sha256:
            raise DemoError(f"{path} is not the file that the history says was delivered there.")
    for folder in (state.sftp, state.ftps):
        own = [delivery.run for delivery in deliveries if folder_of(delivery, state) == folder]
        size = sum(run.archive_bytes or 0 for run in own)
        rows = sum(run.rows or 0 for run in own)
        console.print(f"  {len(own)} files, {rows:,} events, {size / 1e6:.1f} MB in {folder}")
    opened = next(delivery for delivery in deliveries if delivery.run.flow.kind == "goal_transaction")
    open_one(folder_of(opened, state) / opened.run.file_name, console)


def open_one(path: Path, console: Console) -> None:
    """Prints the first lines of the CSV in an archive, each cut to the terminal's width."""
    console.print(f"\n  {path.name}:", markup=False)
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as member:
        text = io.TextIOWrapper(member, encoding="utf-8", newline="")
        for line in islice(text, LINES):
            console.print(f"    {line.rstrip()}", markup=False, soft_wrap=False, no_wrap=True, overflow="ellipsis")
    console.print()
