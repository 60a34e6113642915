"""Checks a folder of received archives, as the script that clients get does."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from flows import verify


class Command(BaseCommand):
    help = "Checks a folder of received archives and manifests: every file whole, the chain unbroken, no event twice."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="FOLDER", type=Path)
        parser.add_argument("--json", action="store_true", help="print one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["folder"].is_dir():
            raise CommandError(f"{options['folder']} is not a folder.", returncode=2)
        try:
            report = verify.check(options["folder"])
        except OSError as error:
            raise CommandError(f"{error.filename or options['folder']} cannot be read: {error.strerror}.") from None
        if code := verify.tell(report, options["json"], self.stdout, self.stderr):  # type: ignore[arg-type]
            sys.exit(code)
