"""Clicks for the embedded line, loaded by the product's own loader, since SQLite generates no rows of its own."""

import hashlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from accounts.models import Account, Attribute, ProfileTable
from interactions import dialect, position
from interactions.kinds import KINDS
from interactions.loading import load_campaigns, load_events, load_profiles

from .data import AGENTS, make_flow

NAMES = ("Anna", "Émile", "Jan", "Zoë", "Lucas", "Marie")
INTERESTS = ("sport,travel", "food", "music,books,film", None)
LINKS = ("header", "main offer", "second offer", 'footer; "legal"', "unsubscribe")


def make_clicks(rows: int, profiles: int) -> dict[str, Any]:
    """As `bench.data.make_clicks`."""
    account = Account.objects.create(name="acme", label="Acme", time_zone="Europe/Brussels")
    table = ProfileTable.objects.create(account=account, name="customers")
    Attribute.objects.create(profile_table=table, name="firstName")
    Attribute.objects.create(profile_table=table, name="interests", multi_valued=True)
    people = ((str(n), f"customer-{n}", NAMES[n % 6], INTERESTS[n % 4]) for n in range(1, profiles + 1))
    load_profiles(table, _file(("profileId", "businessKey", "firstName", "interests"), people), "profiles.csv")
    campaigns = ((str(n), f"Campaign {n} of the autumn", "ONE_SHOT") for n in range(1, 101))
    load_campaigns(account, _file(("campaignId", "campaignName", "campaignType"), campaigns), "campaigns.csv")
    lower = position.current()
    head = ("profileId", "campaignId", "emailAddress", "sendingMoment", "clickMoment", "linkName", "url", "device", "userAgent")
    load_events(table, KINDS["email_click"], _file(head, _clicks(rows, profiles)), "clicks.csv")
    return {"table": table.pk, "lower": lower, "flow": make_flow(table.pk, lower), "rows": rows}


def _clicks(rows: int, profiles: int) -> Iterator[tuple[str | None, ...]]:
    for number in range(rows):
        mixed = number * 2_654_435_761 % 4_294_967_296
        token = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
        second = number // 11 % 3600
        yield (
            str(1 + mixed % profiles),
            str(1 + mixed % 100),
            f"person{mixed % profiles}@example.com",
            f"2026-11-01T06:{mixed % 60:02}:{mixed // 60 % 60:02}Z",
            f"2026-11-01T07:{second // 60:02}:{second % 60:02}Z",
            LINKS[mixed // 7 % 5],
            f"https://www.example.com/sale?utm_campaign={mixed % 100}&id={token}",
            ("desktop", "mobile", "tablet", None)[mixed // 3 % 4],
            AGENTS[mixed // 5 % len(AGENTS)],
        )


def _file(head: tuple[str, ...], rows: Any) -> BytesIO:
    lines = [dialect.line(list(head))]
    lines += [(";".join(map(dialect.cell, row)) + "\n").encode() for row in rows]
    return BytesIO(b"".join(lines))
