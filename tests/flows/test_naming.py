"""File name templates, and which of them could give two flows one name."""

import itertools
import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.naming import DEFAULT_TEMPLATE, Names, any_clash, clashes, known_template, render, with_suffix

HERE, THERE = ("sftp.acme.test", 22, "actito", "in"), ("sftp.acme.test", 22, "actito", "out")


def names(template=DEFAULT_TEMPLATE, account="acme", table="customers", kind="email_click", places=(HERE,)):
    return Names(template, account, table, kind, frozenset(places))


def test_default_templates_of_two_kinds_do_not_clash():
    assert clashes(names(), [names(kind="email_opening"), names(table="prospects")]) is None


def test_a_template_without_the_table_clashes_with_that_of_another_table():
    template = "{kind}_{yyyyMMdd}.zip"
    assert clashes(names(template), [names(template, table="prospects")]) == (
        "{kind}_{yyyyMMdd}.zip of flow acme/customers/email_click and {kind}_{yyyyMMdd}.zip of flow acme/prospects/email_click "
        "could give two files at one location the same name. Add {table} to the file name."
    )


def test_a_template_without_the_kind_is_told_to_add_it():
    sentence = clashes(names("{table}_{yyyyMMdd}.zip"), [names("{table}_{yyyyMMdd}.zip", kind="sms_sent")])
    assert sentence.endswith("Add {kind} to the file name.")


def test_accounts_that_share_a_folder_need_the_account_in_the_name():
    assert clashes(names(), [names(account="beta")]).endswith("Add {account} to the file name.")
    with_account = "{account}_" + DEFAULT_TEMPLATE
    assert clashes(names(with_account), [names(with_account, account="beta")]) is None


def test_other_folders_and_the_flow_itself_are_no_clash():
    assert clashes(names("{yyyyMMdd}.zip"), [names("{yyyyMMdd}.zip", kind="sms_sent", places=(THERE,))]) is None
    assert clashes(names("{yyyyMMdd}.zip"), [names("{yyyyMMdd}.zip", kind="sms_sent", places=())]) is None
    assert clashes(names("{yyyyMMdd}.zip"), [names("{sequence}.zip")]) is None


def test_one_shared_folder_of_several_is_enough():
    one, other = names("{yyyyMMdd}.zip", places=(HERE, THERE)), names("{yyyyMMdd}.zip", kind="sms_sent", places=(THERE,))
    assert clashes(one, [other]).startswith("{yyyyMMdd}.zip of flow acme/customers/email_click")


@pytest.mark.parametrize(
    ("template", "other"),
    [
        ("x_{yyyyMMdd}.zip", "x_{sequence}.zip"),
        ("x_{sequence}.zip", "x_{sequence}.zip"),
        ("x_{yyyy-MM-dd}.zip", "x_{sequence}-{sequence}-{sequence}.zip"),
        ("x_{yyyyMMdd}{HHmm}.zip", "x_{HHmm}{yyyyMMdd}.zip"),
        ("x_1{sequence}.zip", "x_{sequence}1.zip"),
        ("X_{yyyyMMdd}.zip", "x_{yyyyMMdd}.zip"),
        ("email_click_{yyyyMMdd}.zip", "{kind}_{yyyyMMdd}.zip"),
        ("x_{sequence}.zip", "x_{sequence}_r2.zip"),
        ("x_2026{HHmm}.zip", "x_{yyyyMMdd}.zip"),
    ],
)
def test_templates_that_can_meet(template, other):
    one, two = names(template, table="a", kind="sms_sent"), names(other, table="b", kind="email_click")
    assert clashes(one, [two])
    assert clashes(two, [one])
    assert any_clash([one, two])[0] is two


@pytest.mark.parametrize(
    ("template", "other"),
    [
        ("x_{yyyyMMdd}.zip", "x_{yyyy-MM-dd}.zip"),
        ("x_{yyyyMMdd}.zip", "x_{yyyyMMdd}{HHmm}.zip"),
        ("x_{yyyyMMdd}.zip", "y_{yyyyMMdd}.zip"),
        ("x_3{yyyyMMdd}.zip", "x_4{yyyyMMdd}.zip"),
        ("x_{yyyyMMdd}.zip", "x_{yyyyMMdd}_r.zip"),
        ("{kind}_{sequence}.zip", "{kind}_{sequence}.zip"),
        ("{table}_{sequence}.zip", "{table}_{sequence}.zip"),
    ],
)
def test_templates_that_never_meet(template, other):
    one, two = names(template, table="a", kind="sms_sent"), names(other, table="b", kind="email_click")
    assert clashes(one, [two]) is None
    assert any_clash([one, two]) is None


def test_a_rebuilt_file_of_one_table_against_a_table_named_like_its_suffix():
    template = "{kind}_{yyyyMMdd}_{table}.zip"
    assert clashes(names(template, table="a"), [names(template, table="a_r2")])
    assert clashes(names(template, table="a"), [names(template, table="a_r")]) is None


def test_a_second_file_of_a_day_against_a_table_named_like_its_suffix():
    template = "{kind}_{yyyyMMdd}_{table}.zip"
    assert clashes(names(template, table="a"), [names(template, table="a_2")])
    assert clashes(names(template, table="a_2_r2"), [names(template, table="a")])
    assert clashes(names(template, table="a"), [names(template, table="a2")]) is None


def test_a_sequence_beside_a_table_whose_name_ends_in_digits():
    template = "{table}{sequence}_{kind}.zip"
    assert clashes(names(template, table="t1"), [names(template, table="t")])


def test_thousands_of_flows_in_one_folder_are_compared_at_once():
    flows = [names(table=f"t{number}") for number in range(5_000)]
    assert any_clash(flows) is None
    extra = names("{kind}_t7_{yyyyMMdd}.zip", table="other")
    assert any_clash([*flows, extra])[0] is extra


PARTS = st.lists(
    st.sampled_from(["{kind}", "{table}", "{account}", "{yyyyMMdd}", "{yyyy-MM-dd}", "{HHmm}", "{sequence}", "_", "-", "1", "a"]),
    min_size=1,
    max_size=5,
).map(lambda parts: "".join(parts) + ".zip")


def every_name(flow, moments, sequences):
    for moment, sequence in itertools.product(moments, sequences):
        first = render(
            flow.template,
            account=flow.account,
            kind=flow.kind,
            table=flow.table,
            day=moment.date(),
            due=moment,
            sequence=sequence,
        )
        yield from (first, with_suffix(first, "_r2"), with_suffix(first, "_2"), with_suffix(first, "_2_r3"))


@given(PARTS, PARTS, st.sampled_from(["a", "b", "a1", "11"]), st.sampled_from(["a", "b", "a1", "11"]))
@settings(max_examples=300, deadline=None)
def test_names_that_do_come_out_equal_are_always_foreseen(template, other, table, other_table):
    one, two = names(template, "a", table, "a"), names(other, "a", other_table, "b")
    moments = [datetime(2026, 11, day, hour, tzinfo=ZoneInfo("UTC")) for day in (1, 11) for hour in (1, 11)]
    sequences = (1, 11, 1111, 20261101)
    if set(every_name(one, moments, sequences)) & set(every_name(two, moments, sequences)):
        assert clashes(one, [two])
        assert any_clash([one, two])


def test_the_fields_of_a_template():
    due = datetime(2026, 11, 23, 2, 5, tzinfo=ZoneInfo("Europe/Brussels"))
    values = {"account": "acme", "kind": "email_click", "table": "customers", "day": date(2026, 11, 23), "due": due}
    template = "{account}-{kind}-{table}-{yyyyMMdd}-{yyyy-MM-dd}-{HHmm}-{sequence}.zip"
    assert render(template, sequence=7, **values) == "acme-email_click-customers-20261123-2026-11-23-0205-7.zip"
    assert with_suffix(render(DEFAULT_TEMPLATE, sequence=1, **values), "_r2") == "email_click_customers_20261123_r2.zip"


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{kind}_{day}.zip", "{day} is not a field of a file name."),
        ("{kind}.zip", "A file name holds {yyyyMMdd}, {yyyy-MM-dd} or {sequence}, so that each day's file has its own name."),
        ("{yyyyMMdd}.csv", "A file name ends in .zip."),
        ("../{yyyyMMdd}.zip", "A file name holds letters, digits"),
        (".{yyyyMMdd}.zip", "A file name holds letters, digits"),
        ("a/{yyyyMMdd}.zip", "A file name holds letters, digits"),
        ("{yyyyMMdd}\n.zip", "A file name holds letters, digits"),
    ],
)
def test_templates_that_are_refused(template, reason):
    with pytest.raises(ValidationError, match=re.escape(reason)):
        known_template(template)
