"""After a logical restore: which flows' positions are another cluster's, and their replacement."""

from django.db import connection, transaction

from interactions import position
from interactions.rebase import rebase

from .models import Flow, Run


class RestoreError(Exception):
    """Why the positions cannot be mended here, as a sentence."""


def strange_positions() -> list[Flow]:
    """The flows whose position this database cannot have given."""
    flows = Flow.objects.exclude(position="").select_related("profile_table__account")
    return [flow for flow in flows if not position.is_own(flow.position)]


def rebase_positions() -> None:
    """Gives every flow a position of this cluster that holds what its old one held, all or nothing.

    Unfinished runs lose their stored windows and take new ones. Raises RestoreError where the events' old transaction
    numbers are not there to go by.
    """
    if connection.vendor != "postgresql":
        raise RestoreError("The positions come from PostgreSQL, and this database is SQLite: restore into PostgreSQL.")
    with transaction.atomic():
        flows = list(Flow.objects.select_for_update().exclude(position=""))
        if any(not flow.position.startswith("pg:") for flow in flows):
            raise RestoreError("The positions come from SQLite, whose events carry no transaction numbers: load them anew.")
        new = rebase({(flow.profile_table_id, flow.definition.number): flow.position for flow in flows})
        Flow.objects.exclude(position="").update(position=new)
        unfinished = Run.objects.filter(status__in=[*Run.UNFINISHED, Run.Status.FAILED])
        unfinished.exclude(purpose=Run.Purpose.REBUILD).update(lower="", upper="")
