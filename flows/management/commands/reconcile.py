"""Holds the events stored against the rows in files and the rows delivered, per flow and export day."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from accounts.models import Account
from flows import doors
from flows.models import Flow
from flows.reconciliation import Day, reconcile

from .runs import day


class Command(BaseCommand):
    help = "Compares events stored, rows in files and rows delivered, per flow and export day. Exit status 1 if they differ."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", metavar="A", help="only flows of this account")
        parser.add_argument("--flow", metavar="F", help="only this flow: account/table/kind")
        parser.add_argument("--since", metavar="DAY", type=day, help="only this export day and later ones")
        parser.add_argument("--json", action="store_true", help="print one JSON object for each flow and day")

    def handle(self, *args: Any, **options: Any) -> None:
        flows = Flow.objects.all()
        if options["account"] is not None:
            if not Account.objects.filter(name=options["account"]).exists():
                raise CommandError(f"There is no account {options['account']}.")
            flows = flows.filter(profile_table__account__name=options["account"])
        if options["flow"] is not None:
            flows = flows.filter(pk=doors.flow_named(options["flow"]).pk)
        table = Table("flow", "export day", "stored", "in files", "delivered", "difference")
        different = 0
        for found in reconcile(flows, options["since"]):
            different += bool(found.differences)
            if options["json"]:
                self.stdout.write(json.dumps(found.as_dict(), ensure_ascii=False))
            else:
                table.add_row(*cells(found))
                for sentence in found.differences:
                    self.stderr.write(f"{found.flow} {found.day}: {sentence}")
        if not options["json"]:
            terminal = self.stdout.isatty()
            Console(file=self.stdout, width=None if terminal else 200).print(table)  # type: ignore[arg-type]
        if different:
            self.stderr.write(f"{different} day{'' if different == 1 else 's'} of flows with a difference.")
            sys.exit(1)


def cells(found: Day) -> list[str]:
    numbers = ["–" if number is None else f"{number:,}" for number in (found.stored, found.rows, found.delivered)]
    return [found.flow, found.day.isoformat(), *numbers, "yes" if found.differences else "none"]
