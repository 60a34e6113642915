"""Accounts, profiles, campaigns and clicks to measure with, made on the server by INSERT … SELECT from `generate_series`.

Runs in an actor with Django. A click's CSV line has about 360 bytes and packs about as well as real ones: addresses, moments and
half of the user agents differ, names of links and campaigns come from short lists.
"""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.db import connection

from accounts.models import Account, Attribute, ProfileTable
from flows.models import Enrichment, Flow
from interactions import position
from interactions.kinds import KINDS
from interactions.models import Campaign

CLICK = KINDS["email_click"]
AGENTS = [
    f"Mozilla/5.0 ({system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36"
    for system in ("Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64")
    for version in range(128, 134)
]
EVENTS = """
INSERT INTO {table} (profile_table_id, kind, profile_id, campaign_id, email_address, language, sending_moment,
    click_moment, link_name, url, device, user_agent)
SELECT {profile_table}, {kind}, {profile}, 1 + h % 100,
    'person' || h % {people} || '@' || (ARRAY['example.com', 'example.net', 'mail.example.org'])[1 + h % 3],
    (ARRAY['en', 'fr', 'nl', 'de'])[1 + h % 4],
    timestamptz '2026-11-01 06:00+00' + (h % 86400) * interval '1 second',
    timestamptz '2026-11-01 07:00+00' + (g / 11) * interval '1 second' + (h % 997) * interval '1 ms',
    (ARRAY['header', 'main offer', 'second offer', 'footer; "legal"', 'unsubscribe'])[1 + h / 7 % 5],
    {url},
    (ARRAY['desktop', 'mobile', 'tablet', NULL])[1 + h / 3 % 4],
    {agent}
FROM (SELECT g, abs(hashint4(g)::bigint) AS h FROM generate_series({first}, {last}) g) numbers
"""


URL = (
    "'https://www.example.com/' || (ARRAY['shoes', 'coats', 'sale', 'new/in', 'account'])[1 + h / 13 % 5]"
    " || '?utm_campaign=' || h % 100 || '&id=' || md5(g::text)"
)
# Half of the clicks come from one of many sorts of phones, each with its own model, build and version.
AGENT = (
    "CASE WHEN h % 2 = 0 THEN 'Mozilla/5.0 (Linux; Android ' || 10 + h / 2 % 6 || '; SM-' || upper(substr(md5((h / 12 % 900)::text), 1, 5))"
    " || ') AppleWebKit/537.36 (KHTML, like Gecko) Chrome/' || 118 + h / 17 % 16 || '.0.' || 5900 + h / 31 % 900 || '.' || h / 37 % 200"
    f" || ' Mobile Safari/537.36' ELSE (ARRAY[{', '.join(repr(agent) for agent in AGENTS)}])[1 + h / 5 % {len(AGENTS)}] END"
)


def run_sql(text: str, values: list[Any] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(text, values)


def tidy(table: str) -> None:
    """What autovacuum does sooner or later, at once: statistics, visibility, and no hint bits left to write."""
    run_sql(f"VACUUM ANALYZE {table}")
    run_sql("CHECKPOINT")


def make_table(account: str, name: str, profiles: int) -> int:
    """A profile table with two attributes and as many profiles; the account has 100 campaigns. Its number is returned."""
    owner, created = Account.objects.get_or_create(name=account, defaults={"label": account, "time_zone": "Europe/Brussels"})
    if created:
        Campaign.objects.bulk_create(
            Campaign(account=owner, campaign_id=number, name=f"Campaign {number} of the autumn", type="ONE_SHOT")
            for number in range(1, 101)
        )
    table = ProfileTable.objects.create(account=owner, name=name)
    Attribute.objects.create(profile_table=table, name="firstName")
    Attribute.objects.create(profile_table=table, name="interests", multi_valued=True)
    run_sql(
        "INSERT INTO interactions_profile (profile_table_id, profile_id, business_key, attributes)"
        " SELECT %s, g, 'customer-' || g, jsonb_build_object("
        "   'firstName', (ARRAY['Anna', 'Émile', 'Jan', 'Zoë', 'Lucas', 'Marie'])[1 + g %% 6],"
        "   'interests', (ARRAY['sport,travel', 'food', 'music,books,film', ''])[1 + g %% 4])"
        " FROM generate_series(1, %s) g",
        [table.pk, profiles],
    )
    return table.pk


def add_clicks(table: int, rows: int, people: int) -> None:
    """Clicks of one profile table, in one transaction; their profiles are spread over `people`."""
    run_sql(
        EVENTS.format(
            table="interactions_emailevent",
            profile_table=table,
            kind=CLICK.number,
            profile=f"1 + (h + g) % {people}",
            people=people,
            url=URL,
            agent=AGENT,
            first=1,
            last=rows,
        )
    )


def add_interleaved(where: str, tables: list[int], rows: int, people: int, first: int) -> None:
    """One transaction with `rows` short clicks of each of the tables, in turn: no two neighbours belong to one table."""
    run_sql(
        EVENTS.format(
            table=where,
            profile_table=f"(ARRAY{tables}::bigint[])[1 + g % {len(tables)}]",
            kind=CLICK.number,
            profile=f"1 + g / {len(tables)} % {people}",
            people=people,
            url="NULL",
            agent="NULL",
            first=first,
            last=first + rows * len(tables) - 1,
        )
    )


def make_clicks(account: str, name: str, rows: int, profiles: int) -> dict[str, Any]:
    """A table with clicks and a flow whose position is before them: the numbers of table and flow, and that position."""
    table = make_table(account, name, profiles)
    lower = position.current()
    add_clicks(table, rows, profiles)
    return {"table": table, "lower": lower, "flow": make_flow(table, lower), "rows": rows}


def make_flow(table: int, lower: str) -> int:
    """A flow of all columns, with both attributes as enrichment, exported up to `lower`; never due by itself."""
    profile_table = ProfileTable.objects.get(pk=table)
    flow = Flow.objects.create(profile_table=profile_table, kind=CLICK.code, launch_time=time(2))
    for order, attribute in enumerate(profile_table.attributes.order_by("pk")):
        Enrichment.objects.create(flow=flow, attribute=attribute, order=order)
    Flow.objects.filter(pk=flow.pk).update(position=lower)
    return flow.pk


def current_position() -> str:
    return position.current()


def long_ago() -> datetime:
    return datetime.now(UTC) - timedelta(minutes=1)


def make_view(table: int) -> None:
    """`bench_click`: the table's clicks joined with profile and campaign, for peers that cannot join by themselves."""
    attribute = "p.attributes ->> '{}'" if connection.vendor == "postgresql" else "json_extract(p.attributes, '$.{}')"
    owner = ProfileTable.objects.get(pk=table).account_id
    run_sql(
        "CREATE VIEW bench_click AS SELECT e.id AS event_id, e.profile_id, p.business_key,"
        f" {attribute.format('firstName')} AS first_name, {attribute.format('interests')} AS interests,"
        " e.campaign_id, c.name AS campaign_name, c.type AS campaign_type, e.email_address, e.sending_moment, e.click_moment,"
        " e.link_name, e.url, e.device, e.user_agent FROM interactions_emailevent e"
        f" LEFT JOIN interactions_profile p ON p.profile_table_id = {table} AND p.profile_id = e.profile_id"
        f" LEFT JOIN interactions_campaign c ON c.account_id = {owner} AND c.campaign_id = e.campaign_id"
        f" WHERE e.profile_table_id = {table} AND e.kind = {CLICK.number}"
    )


def make_tables(account: str, count: int, profiles: int) -> list[int]:
    """Many profile tables of one account, each with as many profiles."""
    tables = [make_table(account, f"table-{number}", profiles) for number in range(count)]
    tidy("interactions_profile")
    return tables
