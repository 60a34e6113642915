"""Every kind, from one nasty input, byte for byte; the golden files are the contract as a client sees it."""

from io import BytesIO
from pathlib import Path

import pytest

from interactions.kinds import KINDS
from interactions.loading import load_campaigns, load_profiles
from interactions.rows import Rows
from tests.factories import load_csv, make_attribute, make_table

from . import nasty
from .exporting import export, select

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def table(first_ids):
    table = make_table()
    for name, type, multi_valued in nasty.ATTRIBUTES:
        make_attribute(table, name, type, multi_valued)
    assert load_profiles(table, BytesIO(nasty.PROFILES), "profiles.csv") == (3, 3, 0)
    assert load_campaigns(table.account, BytesIO(nasty.CAMPAIGNS), "campaigns.csv") == (3, 3, 0)
    return table


def expected(kind, side=1, enriched=False):
    """The file, put together from the cells' written-out forms."""
    header = ";".join(KINDS[kind].headers) + "\n"
    if enriched:
        names = ";".join(name for name, _, _ in nasty.ATTRIBUTES)
        header = header.replace("businessKey;", f"businessKey;{names};")
    lines = []
    places = {column.header: (place, column) for place, column in enumerate(nasty.own_columns(kind))}
    for row in range(nasty.ROWS):
        cells = []
        for column in KINDS[kind].columns:
            if column.header in places:
                cells.append(nasty.cell(column, row, places[column.header][0], side))
            elif column.header == "eventId":
                cells.append(str(row + 1))
            elif column.header == "businessKey":
                cells.append(nasty.PROFILE_CELLS[nasty.NUMBERS[row % 4]])
                if enriched:
                    cells.append(nasty.ENRICHED[nasty.NUMBERS[row % 4]])
            elif column.header == "campaignName":
                cells.append(list(nasty.CAMPAIGN_CELLS.values())[row % 4])
        lines.append(";".join(cells) + "\n")
    return (header + "".join(lines)).encode()


@pytest.mark.parametrize("kind", KINDS)
def test_golden_file(kind, table):
    assert load_csv(kind, table, nasty.incoming(kind)) == nasty.ROWS
    rows = Rows(select(kind, table))
    data = b"".join(rows.blocks())
    assert data == (GOLDEN / f"{kind}.csv").read_bytes()
    assert (rows.count, rows.first_event_id, rows.last_event_id) == (nasty.ROWS, 1, nasty.ROWS)


@pytest.mark.parametrize("kind", KINDS)
def test_golden_files_hold_the_cells_that_are_written_out(kind):
    assert (GOLDEN / f"{kind}.csv").read_bytes() == expected(kind)


def test_each_kind_has_a_golden_file():
    assert {path.stem for path in GOLDEN.iterdir()} == set(KINDS)


@pytest.mark.parametrize("kind", ["email_click", "goal_transaction", "subscription_update"])
def test_local_moments(kind, table):
    load_csv(kind, table, nasty.incoming(kind))
    assert export(kind, table, moments="local") == expected(kind, side=2)


def test_enrichment_follows_the_business_key(table):
    load_csv("email_click", table, nasty.incoming("email_click"))
    assert export("email_click", table, table.attributes.all()) == expected("email_click", enriched=True)


def test_local_moments_in_enrichment(table):
    load_csv("sms_delivered", table, b"profileId;campaignId;gsmNumber;sendingMoment;deliveryMoment\n1;;;;\n3;;;;\n")
    attributes = table.attributes.filter(type="moment")
    lines = export("sms_delivered", table, attributes, moments="local").decode().splitlines()
    assert lines[1:] == [
        '1;1;"key;1";1990-05-01 00:00:00;2026-01-01 01:00:00,2026-07-01 12:00:00;;;;;;',
        "2;3;;;;;;;;;",
    ]
