"""Creates or updates the profiles of a CSV file in the contract's dialect, all of them or none."""

from argparse import ArgumentParser
from typing import Any

from interactions.loading import load_profiles

from ..loader import LoadCommand, find_table


class Command(LoadCommand):
    help = "Creates or updates the profiles of a CSV file: profileId, businessKey, then any of the table's attributes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--table", required=True, help="name of the profile table")
        parser.add_argument("file", metavar="FILE.csv", help="the file, or - for standard input")

    def handle(self, *args: Any, account: str, table: str, file: str, **options: Any) -> None:
        profile_table = find_table(account, table)
        self.load(
            file,
            lambda stream, name, progress: load_profiles(profile_table, stream, name, progress)._asdict(),
            f"Loaded {{rows:,}} profiles into {profile_table}: {{created:,}} created, {{updated:,}} updated.",
            options["json"],
        )
