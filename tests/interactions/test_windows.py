"""Windows: what lies between two positions, and nothing else, however often it is asked for."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.db import Error, connection

from interactions import position, rows_postgresql
from interactions.kinds import KINDS
from interactions.position import PositionError
from interactions.rows import Rows, header
from tests.factories import load_lines, load_profile_lines, make_account, make_attribute, make_table

from .exporting import export, select

ON_POSTGRESQL = connection.vendor == "postgresql"
BLOCK = 256 * 1024


@pytest.fixture
def table(first_ids):
    return make_table()


def numbers(table, **options):
    """The mobile numbers of the delivered SMS that a window holds."""
    lines = export("sms_delivered", table, **options).decode().splitlines()[1:]
    return "".join(line.split(";")[6] for line in lines)


def load(table, text, moment="2026-11-23T07:15:00Z"):
    load_lines("sms_delivered", table, *({"gsmNumber": letter, "deliveryMoment": moment} for letter in text))
    return position.current()


def test_a_window_holds_what_was_loaded_between_its_positions(table):
    start = position.current()
    first = load(table, "ab")
    second = load(table, "cd")
    last = load(table, "e")
    assert numbers(table) == "abcde"
    assert numbers(table, lower=start, upper=first) == "ab"
    assert numbers(table, lower=first, upper=second) == "cd"
    assert numbers(table, lower=second, upper=last) == "e"
    assert numbers(table, lower=start, upper=second) == "abcd"
    assert numbers(table, lower=last) == ""
    assert numbers(table, upper=start) == ""


def test_a_window_is_repeatable(table):
    start, middle = load(table, "a"), load(table, "bc")
    before = export("sms_delivered", table, lower=start, upper=middle)
    load(table, "d")
    assert export("sms_delivered", table, lower=start, upper=middle) == before


def test_other_kinds_tables_and_accounts_stay_out(table):
    load(make_table(table.account, "prospects"), "x")
    load(make_table(make_account("other")), "y")
    load_lines("sms_sent", table, {"gsmNumber": "z"})
    load(table, "a")
    assert numbers(table) == "a"


def test_a_start_lets_older_events_of_later_moments_in(table):
    load(table, "a", "2026-11-01T00:00:00Z")
    load(table, "b", "2026-10-31T23:59:59.999999Z")
    lower = load(table, "c", "2026-11-01T00:00:00.000001Z")
    load(table, "d", "2020-01-01T00:00:00Z")
    assert numbers(table, lower=lower) == "d"
    assert numbers(table, lower=lower, start=datetime(2026, 11, 1, tzinfo=UTC)) == "acd"
    assert numbers(table, lower=lower, start=datetime(2026, 11, 1, 1, tzinfo=ZoneInfo("Europe/Brussels"))) == "acd"
    assert numbers(table, lower=lower, upper=lower, start=datetime(2026, 11, 1, tzinfo=UTC)) == "ac"


def test_a_range_holds_its_beginning_and_not_its_end(table):
    for letter, moment in zip("abcd", ("00:00:00", "00:00:00.5", "23:59:59", "24"), strict=True):
        load(table, letter, f"2026-11-02T{moment}Z" if moment != "24" else "2026-11-03T00:00:00Z")
    upper = position.current()
    load(table, "e", "2026-11-02T12:00:00Z")
    whole = {"range_from": datetime(2026, 11, 2, tzinfo=UTC), "range_to": datetime(2026, 11, 3, tzinfo=UTC)}
    assert numbers(table, upper=upper, **whole) == "abc"
    assert numbers(table, upper=upper, lower=upper, start=whole["range_to"], **whole) == "abc"
    assert numbers(table, range_from=whole["range_to"]) == "d"
    assert numbers(table, range_to=datetime(2026, 11, 2, 0, 0, 0, 1, tzinfo=UTC)) == "a"


def test_counts_and_ids_of_an_empty_window(table):
    rows = Rows(select("sms_delivered", table))
    assert b"".join(rows.blocks()) == (";".join(KINDS["sms_delivered"].headers) + "\n").encode()
    assert (rows.count, rows.first_event_id, rows.last_event_id) == (0, None, None)


def test_blocks_are_of_constant_size(table):
    load_lines("sms_delivered", table, *({"gsmNumber": f"{number:0500}"} for number in range(3_000)))
    rows = Rows(select("sms_delivered", table))
    head, *blocks, last = rows.blocks()
    assert head.endswith(b"deliveryMoment\n")
    assert len(blocks) >= 2
    assert all(BLOCK <= len(block) < 2.1 * BLOCK for block in blocks)
    assert len(last) < 2.1 * BLOCK
    assert (rows.count, rows.first_event_id, rows.last_event_id) == (3_000, 1, 3_000)
    assert [line.split(b";")[0] for line in b"".join([*blocks, last]).splitlines()] == [b"%d" % n for n in range(1, 3_001)]


def test_the_header_names_the_enrichment_after_the_business_key(table):
    attributes = [make_attribute(table, name) for name in ("zip", "age")]
    assert header(select("sms_delivered", table, attributes)) == [
        *("eventId", "profileId", "businessKey", "zip", "age"),
        *("campaignId", "campaignName", "campaignType", "gsmNumber", "sendingMoment", "deliveryMoment"),
    ]


@pytest.mark.parametrize("strange", ["pg:1:10:10:", *(["id:5"] if ON_POSTGRESQL else [])])
def test_a_position_of_another_database_is_refused(table, strange):
    with pytest.raises(PositionError, match=r"Run manage.py rebase_positions|then run manage.py rebase_positions"):
        export("sms_delivered", table, upper=strange)
    with pytest.raises(PositionError):
        export("sms_delivered", table, lower=strange)
    assert numbers(table) == ""


def test_rows_that_are_no_longer_wanted_leave_the_connection_usable(table):
    load_lines("sms_delivered", table, *({"gsmNumber": f"{number:01000}"} for number in range(3_000)))
    blocks = Rows(select("sms_delivered", table)).blocks()
    assert next(blocks)
    assert next(blocks)
    blocks.close()
    assert load(table, "a")
    assert Rows(select("sms_delivered", table)).count == 0


@pytest.mark.skipif(not ON_POSTGRESQL, reason="formats on the server")
def test_an_error_of_the_database_in_the_middle_is_raised_and_leaves_the_connection_usable(table):
    attribute = make_attribute(table, "day", "moment")
    load_profile_lines(table, ["day"], ("1", None, "2026-01-01T00:00:00Z"), ("2", None, None))
    wide = {"gsmNumber": "x" * 60_000}
    load_lines("sms_delivered", table, *[{"profileId": "1", **wide}] * 20, {"profileId": "2", **wide})
    with connection.cursor() as cursor:
        cursor.execute("""UPDATE interactions_profile SET attributes = '{"day": "someday"}' WHERE profile_id = 2""")
        blocks = Rows(select("sms_delivered", table, [attribute])).blocks()
    with pytest.raises(Error, match='invalid input syntax for type timestamp with time zone: "someday"'):
        list(blocks)
    assert numbers(table).startswith("x")


@pytest.mark.skipif(not ON_POSTGRESQL, reason="asks PostgreSQL's planner")
def test_a_window_is_a_range_of_the_index(table):
    lower = load(table, "a")
    text = rows_postgresql.statement(select("sms_delivered", table, lower=lower, upper=load(table, "b"))).as_string(None)
    query = text.removeprefix("COPY (").partition(") TO STDOUT")[0]
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute(f"EXPLAIN {query}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute("RESET enable_seqscan")
    condition = next(line for line in plan.splitlines() if "Index Cond: ((profile_table_id" in line)
    assert "recorded_xid <" in condition
    assert "recorded_xid >=" in condition
