"""Creates or updates the campaigns of a CSV file in the contract's dialect, all of them or none."""

from argparse import ArgumentParser
from typing import Any

from interactions.loading import load_campaigns

from ..loader import LoadCommand, find_account


class Command(LoadCommand):
    help = "Creates or updates the campaigns of a CSV file: campaignId, campaignName, campaignType."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", metavar="FILE.csv", help="the file, or - for standard input")

    def handle(self, *args: Any, account: str, file: str, **options: Any) -> None:
        owner = find_account(account)
        self.load(
            file,
            lambda stream, name, progress: load_campaigns(owner, stream, name, progress)._asdict(),
            f"Loaded {{rows:,}} campaigns into {owner}: {{created:,}} created, {{updated:,}} updated.",
            options["json"],
        )
