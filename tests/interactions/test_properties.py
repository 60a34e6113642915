"""Whatever is loaded comes out in the contract's bytes, which a second, simpler writer works out here."""

import itertools
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interactions import position
from interactions.kinds import KINDS, Format, Table
from tests.factories import load_campaign_lines, load_csv, load_profile_lines, make_account, make_attribute, make_table

from .exporting import export

ZONES = ["Europe/Brussels", "UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Apia", "Australia/Lord_Howe", "Africa/Monrovia"]
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30) | st.text(';"\n\r,\\. =N')
MOMENTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.just(UTC))  # noqa: DTZ001
VALUES = {
    Format.TEXT: TEXTS,
    Format.LIST: st.lists(TEXTS, min_size=1, max_size=4).map(",".join),
    Format.INTEGER: st.integers(-(2**63), 2**63 - 1),
    Format.DECIMAL: st.decimals(-(10**18) + 1, 10**18 - 1, places=6),
    Format.BOOLEAN: st.booleans(),
    Format.MOMENT: MOMENTS,
}
CAMPAIGNS = {1: ("Spring; sale", "ONE_SHOT"), -2: (None, ""), 2**63 - 1: ('"\n', None)}
PROFILES = {
    7: ("key", "Zoë;", "2026-07-01T10:00:00.123456Z"),
    -1: (None, "", None),
    2**63 - 1: ("", None, "1969-12-31T23:59:59.9Z"),
}
NAMES = map("table{}".format, itertools.count())


def incoming(value, offset):
    """A value as a file to load may have it."""
    if isinstance(value, datetime):
        return value.astimezone(timezone(timedelta(minutes=offset))).isoformat()
    return value if isinstance(value, str | None) else str(value).lower()


def outgoing(value, zone):
    """A value as the contract wants it, in UTC without a zone."""
    if isinstance(value, datetime):
        moment = value.replace(microsecond=0)
        return str(moment.astimezone(zone))[:19] if zone else moment.isoformat()[:19] + "Z"
    if isinstance(value, Decimal):
        text = f"{value:f}"
        whole = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if whole == "-0" else whole
    return value if isinstance(value, str | None) else str(value).lower()


def written(value):
    """A cell, by the words of the contract."""
    if value is None:
        return ""
    quoted = value == "" or any(character in value for character in ';"\n\r')
    return '"' + value.replace('"', '""') + '"' if quoted else value


def csv(lines):
    return "".join(";".join(map(written, line)) + "\n" for line in lines).encode()


@st.composite
def inputs(draw):
    """A kind and rows of values by the headers of its own columns."""
    kind = KINDS[draw(st.sampled_from(list(KINDS)))]
    own = [column for column in kind.columns if column.table is Table.EVENT and column.source != "id"]
    strategies = {column.header: st.none() | VALUES[column.format] for column in own}
    strategies["profileId"] = st.sampled_from([None, 404, *PROFILES])
    if "campaignId" in strategies:
        strategies["campaignId"] = st.sampled_from([None, *CAMPAIGNS])
    return kind, draw(st.lists(st.fixed_dictionaries(strategies), max_size=5))


def expected(kind, rows, ids, zone):
    """The whole exported file, with the attributes `name` and `seen` as enrichment."""
    header = list(kind.headers)
    header[header.index("businessKey") + 1 : header.index("businessKey") + 1] = ["name", "seen"]
    lines = [header]
    for number, row in zip(ids, rows, strict=True):
        key, name, seen = PROFILES.get(row["profileId"], (None, None, None))
        campaign, type = CAMPAIGNS.get(row.get("campaignId"), (None, None))
        known = {"businessKey": key, "name": name, "seen": seen and datetime.fromisoformat(seen.replace("9Z", "900Z"))}
        values = {"eventId": number, **known, "campaignName": campaign, "campaignType": type, **row}
        lines.append([outgoing(values[column], zone) for column in header])
    return csv(lines)


def prepared(zone):
    """A profile table in an account of its own, with the profiles and the campaigns."""
    name = next(NAMES)
    table = make_table(make_account(name, zone))
    attributes = [make_attribute(table, "name"), make_attribute(table, "seen", "moment")]
    load_profile_lines(table, ["name", "seen"], *((str(number), *cells) for number, cells in PROFILES.items()))
    load_campaign_lines(table.account, *((str(number), *cells) for number, cells in CAMPAIGNS.items()))
    return table, attributes


def ids_in(data, rows):
    """The ids that the database gave, from the beginning of the first record; they follow each other."""
    first = int(data.split(b"\n", 1)[1].split(b";")[0]) if rows else 0
    return range(first, first + len(rows))


RULES = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@RULES
@given(inputs(), st.sampled_from(ZONES), st.integers(-14 * 60, 14 * 60), st.booleans())
def test_what_is_loaded_is_exported_as_the_contract_says(committing_db, data, zone, offset, turned):
    (kind, rows), (table, attributes) = data, prepared(zone)
    headers = [column.header for column in kind.columns if column.table is Table.EVENT and column.source != "id"]
    if turned:
        headers.reverse()
    lower = position.current()
    loaded = load_csv(kind.code, table, csv([headers, *([incoming(row[name], offset) for name in headers] for row in rows)]))
    assert loaded == len(rows)
    window = {"lower": lower, "upper": position.current()}
    utc = export(kind.code, table, attributes, **window)
    ids = ids_in(utc, rows)
    assert utc == expected(kind, rows, ids, None)
    assert export(kind.code, table, attributes, moments="local", **window) == expected(kind, rows, ids, ZoneInfo(zone))


@RULES
@given(inputs(), st.sampled_from(ZONES))
def test_an_export_loaded_elsewhere_is_exported_the_same(committing_db, data, zone):
    (kind, rows), (here, attributes), (there, others) = data, prepared(zone), prepared("Asia/Tokyo")
    headers = [column.header for column in kind.columns if column.table is Table.EVENT and column.source != "id"]
    load_csv(kind.code, here, csv([headers, *([incoming(row[name], 0) for name in headers] for row in rows)]))
    first = export(kind.code, here, attributes)
    assert load_csv(kind.code, there, first) == len(rows)
    second = export(kind.code, there, others)
    ids = ids_in(second, rows)
    assert first == expected(kind, rows, ids_in(first, rows), None)
    assert second == expected(kind, rows, ids, None)
