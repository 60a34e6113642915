"""Files on servers of our own: seen when the client has taken them, and announced before the retention deletes them uncollected."""

import posixpath
from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Account, Member
from transfers.client import Client, connect
from transfers.errors import TransferError
from transfers.models import Server

from .models import Delivery

log = structlog.get_logger(__name__)
DAY = timedelta(days=1)


def waiting() -> QuerySet[Delivery]:
    """Delivered files that still lie on hosted servers, as far as is known.

    Only where the server confirmed the size when the file was delivered: one that hides sizes shows no file at all.
    """
    return Delivery.objects.filter(
        status=Delivery.Status.DELIVERED,
        size_verified=True,
        location__server__hosted=True,
        location__server__can_stat=True,
        collected_at=None,
        removed_at=None,
    ).exclude(remote_names=[])


def look() -> int:
    """Marks the files that are gone before their retention has ended as collected; returns how many.

    A server or folder that is out of reach tells nothing, and is looked at again the next time.
    """
    count = 0
    for server in Server.objects.filter(pk__in=waiting().values("location__server")):
        try:
            with connect(server) as client:
                count += _look_at(client, waiting().filter(location__server=server).order_by("pk"))
        except TransferError as error:
            log.warning("hosted server not looked at", server=str(server), reason=str(error))
    return count


def _look_at(client: Client, deliveries: QuerySet[Delivery]) -> int:
    """Raises TransferError when the connection is lost."""
    count = 0
    reached: dict[str, bool] = {}
    for delivery in deliveries:
        folder, name = posixpath.split(delivery.remote_names[0])
        if folder not in reached:
            reached[folder] = _is_there(client, folder)
        if reached[folder] and client.size(folder, name) is None:
            # Unless the same file has been asked for again meanwhile.
            same = waiting().filter(pk=delivery.pk, delivered_at=delivery.delivered_at)
            count += same.update(collected_at=timezone.now())
    return count


def _is_there(client: Client, folder: str) -> bool:
    """Whether the folder can be entered: the files of one that has vanished have not been collected."""
    try:
        client.check_folder(folder)
    except TransferError as error:
        if client.broken:
            raise
        log.warning("hosted folder not looked at", folder=folder, reason=str(error))
        return False
    return True


def removal_at(delivery: Delivery) -> datetime:
    """From when on the retention deletes a delivered file."""
    assert delivery.delivered_at is not None
    return delivery.delivered_at + timedelta(days=settings.RETENTION_DAYS)


def warn() -> int:
    """Mails each account's managers the files that will be deleted uncollected; returns of how many files they were told.

    A mail goes when a file has a day left, and names those that have up to two: so there is at most one a day, each file
    is named once, and at least a day before it goes.
    """
    now = timezone.now()
    unknown = waiting().filter(warned_at=None)
    urgent = unknown.filter(delivered_at__lte=_delivered_for(now + DAY))
    count = 0
    for account in Account.objects.filter(pk__in=urgent.values("location__account")):
        soon = unknown.filter(delivered_at__lte=_delivered_for(now + 2 * DAY), location__account=account)
        deliveries = list(soon.select_related("run", "location__server").order_by("delivered_at", "pk"))
        if _mail(account, deliveries):
            Delivery.objects.filter(pk__in=[delivery.pk for delivery in deliveries]).update(warned_at=now)
            count += len(deliveries)
    return count


def _delivered_for(removal: datetime) -> datetime:
    """When a file was delivered that is deleted at `removal`."""
    return removal - timedelta(days=settings.RETENTION_DAYS)


def _mail(account: Account, deliveries: list[Delivery]) -> bool:
    """Whether the mail was handed over; else the next round tries again."""
    managers = Member.objects.filter(account=account, role=Member.Role.MANAGER, user__is_active=True).exclude(user__email="")
    people = sorted(set(managers.values_list("user__email", flat=True)))
    if not people:
        log.warning("no manager to warn", account=account.name, files=len(deliveries))
        return False
    number = f"{len(deliveries)} file{'' if len(deliveries) == 1 else 's'}"
    try:
        send_mail(f"{account.label}: {number} to collect", _text(account, deliveries), None, people)
    except OSError as error:  # smtplib's errors are of this kind too.
        log.warning("managers not warned", account=account.name, reason=type(error).__name__)
        return False
    return True


def _text(account: Account, deliveries: Iterable[Delivery]) -> str:
    lines = []
    for delivery in deliveries:
        server = delivery.location.server
        end = removal_at(delivery).astimezone(account.zone)
        lines.append(f"{end:%Y-%m-%d %H:%M}  {delivery.remote_names[0]}  on {server.host}")
    return (
        f"These files have not been collected yet. They are deleted at the moment before each ({account.time_zone}), when they "
        f"have been there for {settings.RETENTION_DAYS} days. Collect them before.\n\n" + "\n".join(lines) + "\n"
    )
