"""Opens a run now, beside the schedule."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from flows import doors, schedule
from flows.errors import FlowError
from flows.models import Flow


class Command(BaseCommand):
    help = "Opens a run of each flow now, executes it and tries each delivery once. Exit status 1 if one failed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("flows", nargs="*", metavar="FLOW", help="account/table/kind")
        parser.add_argument("--all", action="store_true", help="every active flow")
        parser.add_argument("--account", help="the active flows of this account")
        parser.add_argument("--kind", help="with --account: only this kind")
        parser.add_argument("--queue", action="store_true", help="let the workers do it, and do not wait")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            runs = [schedule.open_manual(flow) for flow in self.chosen(options)]
        except FlowError as error:
            raise CommandError(str(error)) from None
        doors.work(runs, queue=options["queue"])
        doors.tell(runs, self.stdout, as_json=options["json"], queued=options["queue"])

    def chosen(self, options: dict[str, Any]) -> list[Flow]:
        names, account = options["flows"], options["account"]
        if sum([bool(names), options["all"], bool(account)]) != 1 or (options["kind"] and not account):
            raise CommandError("Name flows, or give --all, or --account with or without --kind: one of the three.", returncode=2)
        if names:
            return [doors.flow_named(name) for name in names]
        flows = Flow.objects.filter(active=True).select_related("profile_table__account")
        if account:
            flows = flows.filter(profile_table__account__name=account)
        if options["kind"]:
            flows = flows.filter(kind=options["kind"])
        if not flows:
            raise CommandError("No active flow matches.")
        return list(flows)
