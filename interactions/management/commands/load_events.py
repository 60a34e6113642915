"""Appends the events of a CSV file in the contract's dialect, all of them or none."""

from argparse import ArgumentParser
from typing import Any

from interactions.kinds import KINDS
from interactions.loading import load_events

from ..loader import LoadCommand, find_table


class Command(LoadCommand):
    help = "Appends the events of a CSV file to a profile table: all of them, or none when one line is wrong."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--table", required=True, help="name of the profile table")
        parser.add_argument("kind", choices=KINDS, metavar="KIND", help="a kind of the catalogue, such as email_click")
        parser.add_argument("file", metavar="FILE.csv", help="the file, or - for standard input")

    def handle(self, *args: Any, account: str, table: str, kind: str, file: str, **options: Any) -> None:
        profile_table = find_table(account, table)
        self.load(
            file,
            lambda stream, name, progress: {"rows": load_events(profile_table, KINDS[kind], stream, name, progress)},
            f"Loaded {{rows:,}} events of {kind} into {profile_table}.",
            options["json"],
        )
