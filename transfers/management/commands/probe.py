"""The connection test, from the command line."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from transfers.models import Location
from transfers.probe import FAILED, probe


class Command(BaseCommand):
    help = "Tests the connection of locations step by step, with what to do where a step fails. Leaves nothing behind."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("location", nargs="+", metavar="LOCATION", help="account/name")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: Any, location: list[str], **options: Any) -> None:
        failed = []
        for found in [find_location(name) for name in location]:
            if not options["json"]:
                self.stdout.write(f"{found} on {found.server.host}")
            for step in probe(found):
                if options["json"]:
                    line = {"location": str(found)} | asdict(step) | {"seconds": round(step.seconds, 3)}
                    self.stdout.write(json.dumps(line, ensure_ascii=False))
                else:
                    self.stdout.write(f"  {step.name:<12}{step.outcome:<9}{step.seconds:6.2f} s  {step.sentence}")
                if step.outcome == FAILED:
                    failed.append(str(found))
        if failed:
            raise CommandError(f"A step failed for {', '.join(failed)}.")


def find_location(name: str) -> Location:
    account, _, own = name.partition("/")
    try:
        return Location.objects.select_related("server__account", "account").get(account__name=account, name=own)
    except Location.DoesNotExist:
        raise CommandError(f"There is no location {name}. Write it as account/name.", returncode=2) from None
