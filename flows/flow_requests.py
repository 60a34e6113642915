"""Asking for a flow, and granting it: a manager's request goes to support by e-mail and waits in the admin."""

from datetime import time
from smtplib import SMTPException
from typing import Any

import structlog
from django.core.mail import mail_admins
from django.db import transaction
from django.db.models import Min

from accounts.models import ProfileTable
from interactions.kinds import KINDS

from .errors import FlowError
from .models import Flow, FlowRequest

# Where no flow of the table tells when its files are wanted.
USUAL_LAUNCH = time(2)
log = structlog.get_logger(__name__)


def ask(table: ProfileTable, kind: str, wish: str, user: Any) -> FlowRequest:
    """Records the request and mails it to ADMINS. Raises FlowError when the flow is there, or asked for already."""
    label = KINDS[kind].label
    if Flow.objects.filter(profile_table=table, kind=kind, active=True).exists():
        raise FlowError(f"“{label}” of {table.name} is exported already. See its next launch on the page of the flows.")
    if FlowRequest.objects.filter(profile_table=table, kind=kind, status=FlowRequest.Status.OPEN).exists():
        raise FlowError(f"“{label}” of {table.name} is asked for already. Support has it in hand.")
    asked = FlowRequest.objects.create(profile_table=table, kind=kind, wish=wish, asked_by=user)
    transaction.on_commit(lambda: _mail(asked))
    return asked


def _mail(asked: FlowRequest) -> None:
    text = f"{asked.asked_by} asks for the flow {asked}.\n\n{asked.wish or 'No wishes are given.'}\n\nGrant it in the admin, under flow requests."
    try:
        mail_admins(f"Export portal: the flow {asked} is asked for", text)
    except (OSError, SMTPException) as error:
        # The request itself is recorded and shows in the admin.
        log.warning("mail_not_sent", request=asked.pk, reason=type(error).__name__)


@transaction.atomic
def grant(asked: FlowRequest) -> Flow:
    """The flow asked for, made if it was not there, and not active yet; the request is then done. Raises FlowError when it is."""
    if not FlowRequest.objects.filter(pk=asked.pk, status=FlowRequest.Status.OPEN).update(status=FlowRequest.Status.DONE):
        raise FlowError(f"The request for {asked} is done already.")
    usual = Flow.objects.filter(profile_table=asked.profile_table).aggregate(first=Min("launch_time"))["first"] or USUAL_LAUNCH
    flow, _ = Flow.objects.get_or_create(profile_table=asked.profile_table, kind=asked.kind, defaults={"launch_time": usual})
    return flow
