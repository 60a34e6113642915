"""Retention: deletes what is past its days."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from flows import retention


class Command(BaseCommand):
    help = "Deletes archives, files on hosted servers and leftovers that are past the retention."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count only, delete nothing")
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        counts = retention.purge(dry_run=options["dry_run"])
        if options["json"]:
            self.stdout.write(json.dumps(counts))
            return
        verb = "would be deleted" if options["dry_run"] else "deleted"
        self.stdout.write(
            f"{counts['archives']} archives, files of {counts['hosted']} deliveries on hosted servers and "
            f"{counts['leftovers']} leftovers {verb}."
        )
