"""What the commands that load a file share: opening it, a progress bar where a person watches, and the closing words."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from accounts.models import Account, ProfileTable
from interactions.loading import LoadError

Load = Callable[[BinaryIO, str, Callable[[int], None]], dict[str, Any]]


class LoadCommand(BaseCommand):
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", required=True, help="name of the account")
        parser.add_argument("--json", action="store_true", help="print the counts as a JSON object")

    def load(self, path: str, load: Load, sentence: str, as_json: bool) -> None:
        """Calls `load` with the file of `path`, `-` being standard input, and prints the counts that it returns.

        `sentence` says the same to a person, with the counts filled in. Raises CommandError.
        """
        try:
            with opened(path) as (stream, name, size), progress_bar(name, size) as progress:
                counts = load(stream, name, progress)
        except LoadError as error:
            raise CommandError(f"{error} Nothing was loaded.") from None
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
        except Error as error:
            reason = str(error).strip().splitlines()[0]
            raise CommandError(f"The database stopped the load: {reason}. Nothing was loaded.") from error
        self.stdout.write(json.dumps(counts) if as_json else sentence.format(**counts))


def find_account(name: str) -> Account:
    """The account of that name; CommandError when there is none."""
    account = Account.objects.filter(name=name).first()
    if not account:
        raise CommandError(f"There is no account {name!r}.")
    return account


def find_table(account: str, name: str) -> ProfileTable:
    """The profile table of that name in that account; CommandError when there is none."""
    table = find_account(account).profile_tables.select_related("account").filter(name=name).first()
    if not table:
        raise CommandError(f"Account {account!r} has no profile table {name!r}.")
    return table


@contextmanager
def opened(path: str) -> Iterator[tuple[BinaryIO, str, int | None]]:
    """The stream, its name in messages, and its size in bytes where it is known."""
    if path == "-":
        yield sys.stdin.buffer, "standard input", None
        return
    file = Path(path)
    with file.open("rb") as stream:
        yield stream, path, file.stat().st_size if file.is_file() else None


@contextmanager
def progress_bar(name: str, size: int | None) -> Iterator[Callable[[int], None]]:
    """A bar on standard error when that is a terminal, else nothing; the function adds bytes."""
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(name, total=size)
        yield lambda count: progress.advance(task, count)
