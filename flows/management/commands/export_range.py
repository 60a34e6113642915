"""The third kind of rerun: a one-shot file of the events of a range of moments."""

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flows import archives, doors, reruns
from flows.errors import FlowError
from flows.models import Flow, Run


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


class Command(BaseCommand):
    help = "Makes a file of the flow's events whose moment lies in [--from, --to), outside the flow's sequence."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("flow", metavar="FLOW", help="account/table/kind")
        for name, which in (("from", "first moment of the range"), ("to", "first moment after it")):
            parser.add_argument(f"--{name}", type=moment, required=True, dest=f"range_{name}", metavar="MOMENT", help=which)
        parser.add_argument("--output", type=Path, metavar="FILE.zip", help="write it here instead of delivering it")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        flow = doors.flow_named(options["flow"])
        start, end = (self.in_zone(options[key], flow) for key in ("range_from", "range_to"))
        try:
            run = reruns.export_range(flow, start, end, deliver=options["output"] is None)
        except FlowError as error:
            raise CommandError(str(error)) from None
        doors.work([run], queue=False)
        if options["output"] and run.archive:
            self.copy(run, options["output"])
        doors.tell([run], self.stdout, as_json=options["json"])

    def in_zone(self, value: datetime, flow: Flow) -> datetime:
        """A moment without an offset is in the account's time zone."""
        return value if value.tzinfo else value.replace(tzinfo=flow.account.zone)

    def copy(self, run: Run, target: Path) -> None:
        """Writes the archive beside `target` and renames it into place."""
        part = target.with_name(f".{target.name}.part")
        try:
            with archives.opened(run.archive) as source, part.open("wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
            part.replace(target)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise CommandError(f"{target} cannot be written: {error.strerror}.") from None
