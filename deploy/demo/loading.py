"""The demo's steps that change the database: tables, configuration, people, and the load of profiles, campaigns and events.

Each is done by the product's own commands, in this process, and only where its result is not there yet.
"""

import contextlib
import io
from collections.abc import Callable

from django.contrib.auth.models import User
from django.core.management import call_command

from accounts.models import Account, Member, ProfileTable
from flows.models import Run
from interactions.kinds import KINDS
from interactions.models import Campaign, Profile

from . import configuration, data
from .state import State

SUPPORT, CLIENT = "support", "client"


def quietly(*command: str) -> str:
    """Runs a management command, returns what it printed. Raises CommandError with its reason."""
    printed = io.StringIO()
    # Its progress bar is for a terminal of its own.
    with contextlib.redirect_stderr(io.StringIO()):
        call_command(*command, stdout=printed)
    return printed.getvalue()


def configure(state: State) -> None:
    """Brings accounts, servers, locations and flows to the state of the demo's configuration file."""
    state.plan_launch()
    quietly("configure", str(configuration.write(state)))


def add_people(state: State) -> None:
    """The two logins: one of support, with the admin, and one of a client, with the account's pages."""
    if not User.objects.filter(username=SUPPORT).exists():
        User.objects.create_superuser(
            SUPPORT, "support@example.com", state.support_password, first_name="Sam", last_name="Support"
        )
    if not User.objects.filter(username=CLIENT).exists():
        user = User.objects.create_user(
            CLIENT, "client@example.com", state.client_password, first_name="Claire", last_name="Client"
        )
        Member.objects.create(account=Account.objects.get(name=configuration.ACCOUNT), user=user, role=Member.Role.MANAGER)


def load(state: State, progress: Callable[[int, str], None]) -> None:
    """Loads what is not loaded; a load is all or nothing, so a table and kind with events has them all.

    `progress` gets the number of event files done, of 54, and the name of the one at hand.
    """
    account = ["--account", configuration.ACCOUNT]
    if not Campaign.objects.exists():
        quietly("load_campaigns", *account, str(data.write(state.input / "campaigns.csv", data.campaigns())))
    tables = {table.name: table for table in ProfileTable.objects.filter(account__name=configuration.ACCOUNT)}
    for name, table in tables.items():
        if not Profile.objects.filter(profile_table=table).exists():
            path = data.write(state.input / f"{name}_profiles.csv", data.profiles(name, state.end))
            quietly("load_profiles", *account, "--table", name, str(path))
    for place, (name, code, path) in enumerate(data.files(state.input, state.events, state.end)):
        progress(place, f"{name}/{code}")
        kind = KINDS[code]
        if not kind.model._default_manager.filter(profile_table=tables[name], kind=kind.number).exists():
            quietly("load_events", *account, "--table", name, code, str(path))


def forget_hints() -> None:
    """What a worker of the last start had been asked for and left undone may be asked for at once."""
    Run.objects.filter(status__in=Run.UNFINISHED).update(queued_at=None)
