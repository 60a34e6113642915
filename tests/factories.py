"""What tests start from: accounts, profile tables and loaded lines, made with the product's own functions."""

from collections.abc import Iterable, Mapping
from io import BytesIO

from accounts.models import Account, Attribute, ProfileTable
from interactions import dialect
from interactions.kinds import KINDS
from interactions.loading import Loaded, load_campaigns, load_events, load_profiles


def make_account(name: str = "acme", time_zone: str = "Europe/Brussels", **fields: object) -> Account:
    return Account.objects.create(name=name, time_zone=time_zone, **{"label": name.title(), **fields})


def make_table(account: Account | None = None, name: str = "customers") -> ProfileTable:
    """A profile table; of a new account unless one is given."""
    return ProfileTable.objects.create(account=account or make_account(), name=name)


def make_attribute(table: ProfileTable, name: str = "firstName", type: str = "text", multi_valued: bool = False) -> Attribute:
    return Attribute.objects.create(profile_table=table, name=name, type=type, multi_valued=multi_valued)


def csv_bytes(header: Iterable[str], rows: Iterable[Iterable[str | None]]) -> bytes:
    """A file in the contract's dialect; None is a missing value."""
    lines = [";".join(map(dialect.cell, line)) + "\n" for line in (header, *rows)]
    return "".join(lines).encode()


def load_csv(kind: str, table: ProfileTable, data: bytes) -> int:
    """Loads a file of events, given as bytes."""
    return load_events(table, KINDS[kind], BytesIO(data), "events.csv")


def load_lines(kind: str, table: ProfileTable, *lines: Mapping[str, str | None]) -> int:
    """Loads events given by their columns, such as {"profileId": "7"}; the columns left out are missing values.

    The campaigns that the lines name are created where they are not known.
    """
    header = [c.header for c in KINDS[kind].columns if c.table.value == "e" and c.source != "id"]
    strange = {name for line in lines for name in line} - set(header)
    assert not strange, f"{kind} has no columns {strange}"
    numbers = {line["campaignId"] for line in lines if line.get("campaignId")}
    known = set(map(str, table.account.campaigns.values_list("campaign_id", flat=True)))
    if numbers - known:
        load_campaign_lines(table.account, *((number, f"Campaign {number}", "ONE_SHOT") for number in numbers - known))
    return load_csv(kind, table, csv_bytes(header, ([line.get(name) for name in header] for line in lines)))


def load_campaign_lines(account: Account, *rows: tuple[str | None, str | None, str | None]) -> Loaded:
    """Loads campaigns, each a number, a name and a type."""
    data = csv_bytes(["campaignId", "campaignName", "campaignType"], rows)
    return load_campaigns(account, BytesIO(data), "campaigns.csv")


def load_profile_lines(table: ProfileTable, header: Iterable[str], *rows: Iterable[str | None]) -> Loaded:
    """Loads profiles; `header` are the names of the attributes, which follow number and business key in each row."""
    data = csv_bytes(["profileId", "businessKey", *header], rows)
    return load_profiles(table, BytesIO(data), "profiles.csv")
