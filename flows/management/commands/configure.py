"""Makes accounts, tables, servers, locations and flows match a configuration file."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from flows.configuration import configure
from flows.configuration_file import ConfigurationError


class Command(BaseCommand):
    help = "Creates or updates accounts, tables, servers, locations and flows to match a file: all of it, or nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE.toml", type=Path)
        parser.add_argument("--json", action="store_true", help="print one JSON object for each change")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            changes = configure(options["file"])
        except ConfigurationError as error:
            raise CommandError(str(error)) from None
        for change in changes:
            self.stdout.write(json.dumps(change.as_dict(), ensure_ascii=False) if options["json"] else str(change))
        if not changes and not options["json"]:
            self.stdout.write("nothing changed")
