"""The checks of values, type by type: what is taken and in which form it is kept, and what is refused."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interactions import values
from interactions.kinds import Format

BRUSSELS = ZoneInfo("Europe/Brussels")


@pytest.mark.parametrize(
    ("value", "kept"),
    [("0", "0"), ("-0", "0"), ("007", "7"), ("-12", "-12"), ("9223372036854775807", "9223372036854775807"), ("0" * 500, "0")],
)
def test_integers(value, kept):
    assert values.integer(value) == kept


@pytest.mark.parametrize("value", ["", " 1", "1 ", "+1", "1.0", "1e3", "1,000", "٣", "--1", "-", "0x1", "1_000", "1\n"])
def test_not_integers(value):
    with pytest.raises(ValueError, match="is not an integer. Write digits only, such as 1250 or -3."):
        values.integer(value)


@pytest.mark.parametrize("value", ["9223372036854775808", "-9223372036854775809", "9" * 5000])
def test_integers_of_more_than_64_bits(value):
    with pytest.raises(ValueError, match="does not fit into 64 bits"):
        values.integer(value)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("12.50", "12.5"),
        ("100", "100"),
        ("100.000", "100"),
        ("-0.010", "-0.01"),
        ("-0.0", "0"),
        ("0012.3", "12.3"),
        ("999999999999999999.999999", "999999999999999999.999999"),
        ("1.1234560000", "1.123456"),
    ],
)
def test_decimals(value, kept):
    assert values.decimal(value) == kept


@pytest.mark.parametrize("value", ["", "1e3", "1,5", ".5", "5.", "1.2.3", "+1.5", "NaN", "Infinity", " 1", "1'000"])
def test_not_decimals(value):
    with pytest.raises(ValueError, match="is not a decimal. Write it plainly, with a point, such as 12.5 or -0.01."):
        values.decimal(value)


@pytest.mark.parametrize("value", ["1000000000000000000", "0.1234567"])
def test_decimals_that_are_too_long(value):
    with pytest.raises(ValueError, match="is too long. Write at most 18 digits before the point and 6 after it."):
        values.decimal(value)


def test_booleans():
    assert [values.boolean(value) for value in ("true", "false")] == ["true", "false"]
    for value in ("", "TRUE", "1", "yes", "t"):
        with pytest.raises(ValueError, match="is not a truth value. Write true or false."):
            values.boolean(value)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("2026-11-23T07:15:00Z", "2026-11-23 07:15:00"),
        ("2026-11-23t07:15:00z", "2026-11-23 07:15:00"),
        ("2026-11-23 08:15:00", "2026-11-23 07:15:00"),
        ("2026-07-01T08:15", "2026-07-01 06:15:00"),
        ("2026-11-23T07:15:00.1234567+02:00", "2026-11-23 05:15:00.123456"),
        ("2026-11-23T07:15:00,5-0330", "2026-11-23 10:45:00.500000"),
        ("2026-11-23T07:15:00+05", "2026-11-23 02:15:00"),
        ("2026-10-25T02:30:00", "2026-10-25 00:30:00"),
        ("2026-03-29T02:30:00", "2026-03-29 01:30:00"),
        ("0001-01-01T23:59:59-00:01", "0001-01-02 00:00:59"),
        ("9999-12-30T23:59:59.999999Z", "9999-12-30 23:59:59.999999"),
    ],
)
def test_moments(value, kept):
    assert values.moment(value, BRUSSELS) == kept


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("abc", "is not a moment. Write it as 2026-11-23T07:15:00Z."),
        ("", "is not a moment"),
        ("2026-11-23", "is not a moment"),
        ("23.11.2026 07:15", "is not a moment"),
        ("1795418100", "is not a moment"),
        ("2026-11-23T07:15:00 Z", "is not a moment"),
        ("2026-02-30T07:15:00Z", "does not exist in the calendar"),
        ("2026-11-23T24:00:00Z", "does not exist in the calendar"),
        ("2026-11-23T07:15:60Z", "does not exist in the calendar"),
        ("2026-11-23T07:15:00+24:00", "does not exist in the calendar"),
        ("0000-01-01T00:00:00Z", "does not exist in the calendar"),
        ("0001-01-01T00:00:00", "does not exist in the calendar"),
        ("0001-01-01T23:59:59Z", "is out of range. Write a moment from 0001-01-02 to 9999-12-30, UTC."),
        ("9999-12-31T00:00:00Z", "is out of range"),
    ],
)
def test_not_moments(value, reason):
    with pytest.raises(ValueError) as caught:
        values.moment(value, BRUSSELS)
    assert str(caught.value).startswith(f"{value!r} {reason}")


@given(
    st.datetimes(datetime(1, 1, 4), datetime(9999, 12, 28)),  # noqa: DTZ001
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_a_moment_of_any_offset_is_kept_to_the_microsecond(moment, minutes):
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    written = f"{moment.isoformat()}{sign}{hours:02}:{rest:02}"
    assert values.moment(written, BRUSSELS) == str(moment - timedelta(minutes=minutes))
    assert values.moment(moment.isoformat(), ZoneInfo("UTC")) == str(moment.replace(tzinfo=UTC).replace(tzinfo=None))


def test_texts():
    assert values.text("x" * 65_536) == "x" * 65_536
    with pytest.raises(ValueError, match="the text has 65,537 characters. Write at most 65,536."):
        values.text("x" * 65_537)


def test_a_long_value_is_cut_in_a_message():
    assert values.shown("y" * 61) == "'" + "y" * 60 + "…'"


@given(st.lists(st.none() | st.sampled_from(["", "1", "-5", "007", "x", "1\n2"]) | st.integers(-(2**70), 2**70).map(str)))
def test_a_column_of_integers_is_checked_as_its_values_are(cells):
    assert outcome(values.column, cells, values.integer) == outcome(one_by_one, cells, values.integer)


SHAPES = [
    "",
    "2026-11-23T07:15:00Z",
    "2026-02-29T07:15:00Z",
    "2026-11-23T24:00:00Z",
    "0001-01-01T23:00:00Z",
    "2026-11-23 07:15:00",
]


@given(
    st.lists(st.none() | st.sampled_from(SHAPES) | st.datetimes().map(lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S}Z".zfill(20)))
)
def test_a_column_of_moments_is_checked_as_its_values_are(cells):
    check = values.checks(BRUSSELS)[Format.MOMENT]
    assert outcome(values.column, cells, check) == outcome(one_by_one, cells, check)


def one_by_one(cells, check):
    return [None if value is None else check(value) for value in cells]


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except ValueError:
        return ValueError
