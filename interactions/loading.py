"""Loads files of events, profiles and campaigns: streamed, checked to the last cell, all of a file or nothing.

The functions take a binary stream and the name it has in messages, and raise LoadError for what a person can mend.
"""

import json
from collections.abc import Sequence
from typing import BinaryIO

from django.db import connection, transaction

from accounts.models import Account, ProfileTable

from . import bulk, position, values
from .incoming import File, LoadError, Progress
from .kinds import Column, Format, Kind, Table
from .models import Campaign, Profile
from .staging import Loaded, Staging
from .values import Check

__all__ = ["LoadError", "Loaded", "load_campaigns", "load_events", "load_profiles"]

TRUTH = {None: None, "true": "1", "false": "0"}


def load_events(
    profile_table: ProfileTable, kind: Kind, stream: BinaryIO, name: str, progress: Progress = lambda size: None
) -> int:
    """Appends the events of a file, in its order, and returns how many. The columns are the kind's, in any order.

    Event ids, what belongs to profiles and campaigns, and enrichment may be there and are ignored. Raises LoadError.
    """
    own = [column for column in kind.columns if column.table is Table.EVENT and column.source != "id"]
    known = values.checks(profile_table.account.zone)
    ignored = {*kind.headers, *profile_table.attributes.values_list("name", flat=True)}
    file = File(stream, name, {column.header: known[column.format] for column in own}, ignored, progress=progress)
    rows = 0
    with transaction.atomic():
        campaigns = _campaigns(profile_table.account) if "campaignId" in file.checks else None
        next_id = _next_id() if connection.vendor == "sqlite" else None
        names = ["profile_table_id", "kind", *(column.source for column in own), *(["id"] if next_id else [])]
        with bulk.writing(kind.model._meta.db_table, names, [profile_table.pk, kind.number]) as write:
            for batch, columns in file.batches():
                if campaigns is not None:
                    place = list(file.checks).index("campaignId")
                    _know(campaigns, file, batch.lines, columns[place])
                size = len(batch.lines)
                write(_for_sqlite(own, columns, range(next_id + rows, next_id + rows + size)) if next_id else columns)
                rows += size
    return rows


def _campaigns(account: Account) -> set[str | None]:
    """The account's campaign numbers, as texts; read beforehand, since no query can run while a COPY does."""
    return {None, *map(str, Campaign.objects.filter(account=account).values_list("campaign_id", flat=True).iterator())}


def _know(campaigns: set[str | None], file: File, lines: Sequence[int], column: list[str | None]) -> None:
    if not campaigns.issuperset(column):
        place, number = next((place, value) for place, value in enumerate(column) if value not in campaigns)
        raise file.error(lines[place], "campaignId", f"campaign {number} is not known. Load the campaigns first.")


def _next_id() -> int:
    """The event id after the last one of any event table; the transaction's lock keeps other writers from taking it."""
    with connection.cursor() as cursor:
        return position.last_sqlite_id(cursor) + 1


def _for_sqlite(own: list[Column], columns: bulk.Columns, ids: range) -> list[list[str | None]]:
    """The columns with truth values as SQLite keeps them, and with the event ids, which no sequence gives there."""
    stored = [
        [TRUTH[value] for value in texts] if column.format is Format.BOOLEAN else texts
        for column, texts in zip(own, columns, strict=True)
    ]
    return [*stored, [str(number) for number in ids]]


def load_campaigns(account: Account, stream: BinaryIO, name: str, progress: Progress = lambda size: None) -> Loaded:
    """Creates or updates the campaigns of a file with `campaignId`, `campaignName`, `campaignType`. Raises LoadError."""
    checks: dict[str, Check] = {"campaignId": values.integer, "campaignName": values.text, "campaignType": values.text}
    file = File(stream, name, checks, filled=["campaignId"], progress=progress)
    with transaction.atomic():
        Account.objects.select_for_update(no_key=True).get(pk=account.pk)
        with Staging(Campaign, "account_id", account.pk, file, "campaign_id", ["name", "type"]) as staging:
            with staging.writing() as write:
                for batch, columns in file.batches():
                    write([list(map(str, batch.lines)), *columns])
            staging.refuse_repeated()
            return staging.merge()


def load_profiles(profile_table: ProfileTable, stream: BinaryIO, name: str, progress: Progress = lambda size: None) -> Loaded:
    """Creates or updates the profiles of a file with `profileId`, `businessKey` and any of the table's attributes.

    An attribute whose column is not there stays as it is; a missing value in a column that is there clears it.
    Raises LoadError, also for a business key that another profile has.
    """
    zone = profile_table.account.zone
    attributes = {attribute.name: values.attribute_check(attribute, zone) for attribute in profile_table.attributes.all()}
    checks: dict[str, Check] = {"profileId": values.integer, "businessKey": values.text, **attributes}
    file = File(stream, name, checks, filled=["profileId"], optional=attributes, progress=progress)
    names = list(file.checks)[2:]
    with transaction.atomic():
        ProfileTable.objects.select_for_update(no_key=True).get(pk=profile_table.pk)
        others = ["business_key", "attributes"]
        with Staging(Profile, "profile_table_id", profile_table.pk, file, "profile_id", others) as staging:
            with staging.writing() as write:
                for batch, (numbers, keys, *cells) in file.batches():
                    rows = zip(*cells, strict=True) if cells else [()] * len(numbers)
                    texts = [json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) for row in rows]
                    write([list(map(str, batch.lines)), numbers, keys, texts])
            staging.refuse_repeated()
            staging.refuse_taken_keys()
            return staging.merge()
