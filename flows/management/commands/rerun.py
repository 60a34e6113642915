"""The first two kinds of rerun: the stored bytes again, or the same window made anew."""

from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flows import doors, reruns
from flows.errors import FlowError
from flows.models import Run


class Command(BaseCommand):
    help = "Delivers the stored file of each run again, rebuilds it, or (neither given) tries again what failed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("runs", nargs="*", type=int, metavar="RUN", help="number of a run")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--deliver", action="store_true", help="send the stored bytes again")
        how.add_argument("--rebuild", action="store_true", help="make the same window anew, under the next revision")
        parser.add_argument("--failed", action="store_true", help="the runs that failed, or whose delivery failed")
        parser.add_argument("--since", type=date.fromisoformat, metavar="DAY", help="with --failed: from this export day on")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["runs"]) == options["failed"] or (options["since"] and not options["failed"]):
            raise CommandError("Name runs, or give --failed with or without --since DAY: one of the two.", returncode=2)
        if options["failed"]:
            runs = reruns.failed_since(options["since"] or date.min)
        else:
            runs = [doors.run_numbered(number) for number in options["runs"]]
        try:
            done = [self.again(run, options) for run in runs]
        except FlowError as error:
            raise CommandError(str(error)) from None
        doors.tell(done, self.stdout, as_json=options["json"])

    def again(self, run: Run, options: dict[str, Any]) -> Run:
        if options["rebuild"]:
            return doors.work([reruns.rebuild(run)], queue=False)[0]
        if run.status == Run.Status.FAILED and not options["deliver"]:
            return doors.work([reruns.try_again(run)], queue=False)[0]
        reruns.deliver_run_again(run)
        doors.deliver(run)
        return run
