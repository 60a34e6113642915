"""Mends the flows' positions after a logical restore."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flows import restore


class Command(BaseCommand):
    help = (
        "After a dump was restored into another database cluster: gives every flow a position of this cluster that holds "
        "exactly what its old one held. Stop the loading first; it waits for loads under way."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only tell which flows need it")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        strange = restore.strange_positions()
        if strange and not options["dry_run"]:
            try:
                restore.rebase_positions()
            except restore.RestoreError as error:
                raise CommandError(str(error)) from None
        verb = "needs to be rebased" if options["dry_run"] else "rebased"
        for flow in strange:
            self.stdout.write(json.dumps({"flow": str(flow), "result": verb}) if options["json"] else f"{flow}: {verb}")
        if not strange and not options["json"]:
            self.stdout.write("Every position is this database's own. Nothing to do.")
