"""The history of runs and their deliveries, as a table or as JSON."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Prefetch, QuerySet
from rich.console import Console
from rich.table import Table
from rich.text import Text

from accounts.models import Account
from flows import doors, history
from flows.models import Delivery, Run


def day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a day, such as 2026-11-23.") from None


class Command(BaseCommand):
    help = "Shows the runs, newest first, with what came of their deliveries."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", metavar="A", help="only runs of this account")
        parser.add_argument("--flow", metavar="F", help="only runs of this flow: account/table/kind")
        parser.add_argument("--since", metavar="DAY", type=day, help="only runs of this export day or later")
        parser.add_argument("--json", action="store_true", help="print one JSON object for each run")

    def handle(self, *args: Any, **options: Any) -> None:
        runs = chosen(options["account"], options["flow"], options["since"])
        if options["json"]:
            for run in runs.iterator(chunk_size=500):
                self.stdout.write(json.dumps(history.as_dict(run), ensure_ascii=False))
            return
        table = Table("run", "flow", "export day", "purpose", "status", "rows", "file", "bytes", "deliveries", "error")
        for run in runs.iterator(chunk_size=500):
            table.add_row(*map(Text, cells(run)))
        terminal = self.stdout.isatty()
        Console(file=self.stdout, width=None if terminal else 300).print(table)  # type: ignore[arg-type]


def chosen(account: str | None, flow: str | None, since: date | None) -> "QuerySet[Run]":
    """The runs asked for, newest first. Raises CommandError for an account or a flow that is not there."""
    deliveries = Delivery.objects.select_related("location__account").order_by("location__name")
    runs = (
        Run.objects.select_related("flow__profile_table__account")
        .prefetch_related(Prefetch("deliveries", deliveries))
        .order_by("-pk")
    )
    if account is not None:
        if not Account.objects.filter(name=account).exists():
            raise CommandError(f"There is no account {account}.")
        runs = runs.filter(flow__profile_table__account__name=account)
    if flow is not None:
        runs = runs.filter(flow=doors.flow_named(flow))
    return runs.filter(export_day__gte=since) if since else runs


def cells(run: Run) -> list[str]:
    deliveries = list(run.deliveries.all())
    return [
        str(run.pk),
        str(run.flow),
        run.export_day.isoformat(),
        run.get_purpose_display(),
        run.get_status_display(),
        "" if run.rows is None else f"{run.rows:,}",
        run.file_name,
        "" if run.archive_bytes is None else f"{run.archive_bytes:,}",
        "\n".join(f"{delivery.location.name}: {delivery.get_status_display()}" for delivery in deliveries),
        "\n".join(filter(None, [run.error, *(delivery.error for delivery in deliveries)])),
    ]
