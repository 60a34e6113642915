"""Loading: what is kept, and that a bad file leaves nothing behind and says what is wrong."""

from io import BytesIO

import pytest
from django.db import connection

from interactions.kinds import KINDS
from interactions.loading import LoadError, load_campaigns, load_profiles
from interactions.models import Campaign, EmailEvent, GoalEvent, Profile, SmsEvent, SubscriptionEvent
from tests.factories import (
    load_campaign_lines,
    load_csv,
    load_lines,
    load_profile_lines,
    make_account,
    make_attribute,
    make_table,
)

pytestmark = pytest.mark.django_db
CLICKS = "profileId;campaignId;emailAddress;sendingMoment;clickMoment;linkName;url;device;userAgent\n"


@pytest.fixture
def table():
    return make_table()


def click_error(table, *lines):
    with pytest.raises(LoadError) as caught:
        load_csv("email_click", table, (CLICKS + "".join(line + "\n" for line in lines)).encode())
    assert not EmailEvent.objects.exists()
    return str(caught.value)


def test_events_are_kept_in_the_order_of_the_file(table):
    assert load_lines("sms_delivered", table, {"gsmNumber": "b"}, {"gsmNumber": "a"}, {"gsmNumber": ""}) == 3
    assert list(SmsEvent.objects.order_by("id").values_list("gsm_number", flat=True)) == ["b", "a", ""]
    assert set(SmsEvent.objects.values_list("kind", "profile_table", "profile_id")) == {(10, table.pk, None)}


def test_event_ids_are_unique_across_the_families(table):
    load_lines("sms_delivered", table, {}, {})
    load_lines("email_sent", table, {})
    load_lines("sms_delivered", table, {})
    first, second, fourth = SmsEvent.objects.order_by("id").values_list("id", flat=True)
    assert [second, EmailEvent.objects.get().id, fourth] == [first + 1, first + 2, first + 3]


def test_ids_of_events_that_were_deleted_are_not_given_again(table):
    load_lines("email_sent", table, {}, {})
    last = EmailEvent.objects.order_by("id").last().id
    EmailEvent.objects.all().delete()
    load_lines("sms_delivered", table, {})
    assert SmsEvent.objects.get().id == last + 1


def test_an_exported_file_may_be_loaded_as_it_is(table):
    make_attribute(table)
    load_campaign_lines(table.account, ("5", "Spring", "ONE_SHOT"))
    data = (
        "eventId;profileId;businessKey;firstName;campaignId;campaignName;campaignType;gsmNumber;sendingMoment;deliveryMoment\n"
        "x;7;key;Zoë;5;other;other;+32;2026-11-23T07:15:00Z;2026-11-23T08:15:00\n"
    )
    load_csv("sms_delivered", table, data.encode())
    event = SmsEvent.objects.get()
    assert (event.profile_id, event.campaign_id, event.gsm_number) == (7, 5, "+32")
    assert event.sending_moment == event.delivery_moment
    assert event.delivery_moment.isoformat() == "2026-11-23T07:15:00+00:00"


def test_types_are_kept(table):
    load_lines("goal_transaction", table, {"amount": "-0.010", "goalId": "9007199254740993", "goalName": ""})
    load_lines("subscription_update", table, {"subscribed": "true"}, {"subscribed": "false"}, {})
    goal = GoalEvent.objects.get()
    assert (str(goal.amount.normalize()), goal.goal_id, goal.goal_name, goal.currency) == ("-0.01", 2**53 + 1, "", None)
    assert list(SubscriptionEvent.objects.order_by("id").values_list("subscribed", flat=True)) == [True, False, None]


def test_a_file_of_a_header_only_loads_nothing(table):
    assert load_csv("email_click", table, CLICKS.encode()) == 0


def test_a_bad_value_is_named_with_file_line_and_column(table):
    good = "1;;;;;;;;"
    assert click_error(table, good, '2;;"two\nlines";;;;;;', "3;;;;abc;;;;") == (
        "events.csv, line 5, column clickMoment: 'abc' is not a moment. Write it as 2026-11-23T07:15:00Z."
    )
    assert click_error(table, good, "1.5;;;;;;;;") == (
        "events.csv, line 3, column profileId: '1.5' is not an integer. Write digits only, such as 1250 or -3."
    )
    assert click_error(table, '"1\n2";;;;;;;;').startswith("events.csv, line 2, column profileId: '1\\n2' is not an integer.")
    assert click_error(table, ';;;;"";;;;').startswith("events.csv, line 2, column clickMoment: '' is not a moment.")
    assert click_error(table, '"";;;;;;;;').startswith("events.csv, line 2, column profileId: '' is not an integer.")
    assert click_error(table, ";;" + "é" * 65_537 + ";;;;;;") == (
        "events.csv, line 2, column emailAddress: the text has 65,537 characters. Write at most 65,536."
    )


def test_the_first_bad_line_is_named_whichever_column_it_is_in(table):
    assert click_error(table, "1;;;;x;;;;", "y;;;;;;;;").startswith("events.csv, line 2, column clickMoment: 'x'")


def test_nothing_is_written_when_a_late_line_is_bad(table):
    lines = ["7;;a@example.test;2026-11-23T07:15:00Z;2026-11-23T07:15:00Z;link;url;phone;agent"] * 20_000
    assert click_error(table, *lines, "7").startswith("events.csv, line 20002: the line has 1 cell, the header 9.")
    assert load_lines("email_click", table, {}) == 1


def test_an_unknown_campaign_is_refused(table):
    load_campaign_lines(table.account, ("1", "Spring", None))
    load_campaign_lines(make_account("other"), ("2", "Autumn", None))
    assert click_error(table, "7;1;;;;;;;", "7;;;;;;;;", "7;2;;;;;;;") == (
        "events.csv, line 4, column campaignId: campaign 2 is not known. Load the campaigns first."
    )


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "line 1: there is no header line. The first line must name the columns."),
        (CLICKS.replace("url;", ""), "line 1, column url: the column is missing. The file needs profileId, campaignId, "),
        (CLICKS.replace("url", "link"), "line 1, column link: there is no such column. Remove it, or write one of profileId, "),
        ("url;" + CLICKS, "line 1, column url: the column is there twice. Remove one."),
        ("firstName;" + CLICKS, "line 1, column firstName: there is no such column."),
        (CLICKS.replace(";", ","), "line 1, column profileId,campaignId,"),
        ("\xff", "line 1: there are bytes that are not UTF-8. Save the file as UTF-8."),
    ],
)
def test_the_header_is_checked(table, header, reason):
    with pytest.raises(LoadError) as caught:
        load_csv("email_click", table, header.encode("latin-1"))
    assert str(caught.value).startswith(f"events.csv, {reason}")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_asks_for_its_own_columns_only(kind, table):
    ignored = {"eventId", "businessKey", "campaignName", "campaignType"}
    needed = [column for column in KINDS[kind].headers if column not in ignored]
    with pytest.raises(LoadError) as caught:
        load_csv(kind, table, b"eventId\n")
    assert str(caught.value) == (
        f"events.csv, line 1, column profileId: the column is missing. The file needs {', '.join(needed)}."
    )


# --- Campaigns ---------------------------------------------------------------------------------------------------


def test_campaigns_are_created_and_updated(table):
    account = table.account
    assert load_campaign_lines(account, ("1", "Spring", "ONE_SHOT"), ("2", None, ""), ("-3", "x", None)) == (3, 3, 0)
    assert load_campaign_lines(account, ("2", "Autumn", None), ("1", "Spring", "ONE_SHOT"), ("4", "new", "")) == (3, 1, 1)
    assert list(Campaign.objects.order_by("campaign_id").values_list("campaign_id", "name", "type")) == [
        (-3, "x", None),
        (1, "Spring", "ONE_SHOT"),
        (2, "Autumn", None),
        (4, "new", ""),
    ]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("campaignId;campaignName\n", "line 1, column campaignType: the column is missing."),
        ("campaignId;campaignName;campaignType\n1;a;\n;b;\n", "line 3, column campaignId: the value is missing."),
        ("campaignId;campaignName;campaignType\n1;a;\n01;b;\n", "line 3, column campaignId: 1 is already in line 2."),
        ("campaignId;campaignName;campaignType\nx;a;\n", "line 2, column campaignId: 'x' is not an integer."),
    ],
)
def test_bad_campaigns(table, data, reason):
    with pytest.raises(LoadError) as caught:
        load_campaigns(table.account, BytesIO(data.encode()), "c.csv")
    assert str(caught.value).startswith(f"c.csv, {reason}")
    assert not Campaign.objects.exists()


# --- Profiles ----------------------------------------------------------------------------------------------------


def test_profiles_are_created_and_updated(table):
    for name in ("firstName", "été", "a.b-c"):
        make_attribute(table, name)
    header = ["firstName", "été", "a.b-c"]
    assert load_profile_lines(table, header, ("1", "k1", "Zoë", "x", "1"), ("2", None, None, "", "🎉")) == (2, 2, 0)
    assert load_profile_lines(table, ["été"], ("2", "k2", None), ("1", "k1", "x"), ("3", "", None)) == (3, 1, 1)
    assert list(Profile.objects.order_by("profile_id").values_list("profile_id", "business_key", "attributes")) == [
        (1, "k1", {"firstName": "Zoë", "été": "x", "a.b-c": "1"}),
        (2, "k2", {"a.b-c": "🎉"}),
        (3, "", {}),
    ]


def test_attributes_are_kept_in_the_form_of_a_file(table):
    types = [("number", "integer"), ("weight", "decimal"), ("yes", "boolean"), ("day", "moment"), ("name", "text")]
    for name, type in types:
        make_attribute(table, name, type)
        make_attribute(table, f"{name}s", type, multi_valued=True)
    header = [name for name, _ in types] + [f"{name}s" for name, _ in types]
    row = ("1", "k", "007", "1.50", "true", "2026-07-01T12:00:00.5", " x", "01,-2", "1.0,2", "true,false")
    load_profile_lines(table, header, (*row, "2026-07-01T12:00:00+02:00,2026-07-01T12:00:00", "b,,a"))
    assert Profile.objects.get().attributes == {
        "number": "7",
        "weight": "1.5",
        "yes": "true",
        "day": "2026-07-01T10:00:00.500000Z",
        "name": " x",
        "numbers": "1,-2",
        "weights": "1,2",
        "yess": "true,false",
        "days": "2026-07-01T10:00:00Z,2026-07-01T10:00:00Z",
        "names": "b,,a",
    }


def test_profiles_may_exchange_their_business_keys(table):
    load_profile_lines(table, [], ("1", "a"), ("2", "b"), ("3", "c"))
    assert load_profile_lines(table, [], ("1", "b"), ("2", "a"), ("3", None), ("4", "c")) == (4, 1, 3)
    assert dict(Profile.objects.values_list("profile_id", "business_key")) == {1: "b", 2: "a", 3: None, 4: "c"}


def test_tables_do_not_mix(table):
    other = make_table(table.account, "prospects")
    load_profile_lines(table, [], ("1", "a"))
    assert load_profile_lines(other, [], ("1", "a"), ("2", "b")) == (2, 2, 0)
    assert Profile.objects.filter(profile_table=table).count() == 1


def test_a_business_key_may_be_long(table):
    # Incompressible, so that an index of the keys themselves could not hold it.
    key = "".join(chr(0x4E00 + (number * 7919) % 20_000) for number in range(65_536))
    load_profile_lines(table, [], ("1", key))
    assert Profile.objects.get(business_key=key).profile_id == 1
    with pytest.raises(LoadError, match="is the key of profile 1"):
        load_profile_lines(table, [], ("2", key))


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([("1", "taken")], "line 2, column businessKey: 'taken' is the key of profile 9. Give each profile a key of its own."),
        ([("1", "a"), ("2", "a")], "line 3, column businessKey: 'a' is already in line 2. Remove one of the two."),
        ([("1", "a"), ("2", "b"), ("1", "c")], "line 4, column profileId: 1 is already in line 2. Remove one of the two."),
        ([("1", "a"), (None, "b")], "line 3, column profileId: the value is missing. Every row needs one."),
    ],
)
def test_bad_profiles(table, rows, reason):
    load_profile_lines(table, [], ("9", "taken"))
    with pytest.raises(LoadError) as caught:
        load_profile_lines(table, [], *rows)
    assert str(caught.value) == f"profiles.csv, {reason}"
    assert Profile.objects.count() == 1


@pytest.mark.parametrize(
    ("type", "multi_valued", "value", "reason"),
    [
        ("integer", False, "x", "'x' is not an integer."),
        ("integer", True, "1,,2", "'' is not an integer."),
        ("decimal", True, "1,2e3", "'2e3' is not a decimal."),
        ("boolean", False, "1", "'1' is not a truth value."),
        ("moment", False, "2026-13-01T00:00:00", "'2026-13-01T00:00:00' does not exist in the calendar."),
    ],
)
def test_bad_attributes(table, type, multi_valued, value, reason):
    make_attribute(table, "a", type, multi_valued)
    with pytest.raises(LoadError) as caught:
        load_profile_lines(table, ["a"], ("1", None, value))
    assert str(caught.value).startswith(f"profiles.csv, line 2, column a: {reason}")
    assert not Profile.objects.exists()


def test_an_unknown_attribute_is_refused(table):
    with pytest.raises(LoadError, match="line 1, column age: there is no such column"):
        load_profiles(table, BytesIO(b"profileId;businessKey;age\n1;;5\n"), "p.csv")


def test_a_load_after_a_refused_one_works(table):
    with pytest.raises(LoadError):
        load_profile_lines(table, [], ("1", "a"), ("1", "a"))
    assert load_profile_lines(table, [], ("1", "a")) == (1, 1, 0)
    assert not connection.needs_rollback
