"""Asking the workers, once the transaction is through."""

from functools import partial
from typing import Any

import structlog
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest
from kombu.exceptions import OperationalError

from flows import tasks
from flows.models import Delivery, Run

log = structlog.get_logger(__name__)


def ask_for_run(request: HttpRequest, run: Run) -> None:
    transaction.on_commit(partial(_send, request, tasks.execute_run, run.pk))


def ask_for_deliveries(request: HttpRequest, server_ids: set[int]) -> None:
    for server_id in sorted(server_ids):
        transaction.on_commit(partial(_send, request, tasks.deliver_server, server_id))


def servers_of(deliveries: list[Delivery]) -> set[int]:
    return {delivery.location.server_id for delivery in deliveries}


def _send(request: HttpRequest, task: Any, number: int) -> None:
    """The message is a hint: without it the tick asks again within minutes."""
    try:
        task.delay(number)
    except (OperationalError, OSError) as error:
        log.warning("broker_out_of_reach", task=task.name, reason=str(error))
        messages.warning(request, "The workers are out of reach at this moment. They take this up as soon as they are back.")
