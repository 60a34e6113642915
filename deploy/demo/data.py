"""Makes the demo's data: CSV files of profiles, campaigns and events of every kind, in the dialect that the load commands read.

The same seed and end moment give the same bytes. Volumes differ by kind as they do in life.
"""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from interactions.dialect import cell
from interactions.kinds import KINDS, Format, Kind, Table

from . import words

DAYS = 6
# Share of each kind among a table's events, in no unit.
SHARES = {
    "email_sent": 300, "email_not_sent": 12, "email_hard_bounce": 8, "email_soft_bounce": 15, "email_opening": 180,
    "email_click": 90, "email_unsubscribe": 6, "sms_sent": 80, "sms_not_sent": 5, "sms_delivered": 75, "sms_bounce": 5,
    "print_ready": 25, "print_not_sent": 3, "print_download": 25, "audience_ready": 20, "audience_not_sent": 3,
    "audience_download": 20, "call_center_ready": 15, "call_center_not_sent": 3, "call_center_download": 15,
    "goal_webvisit": 60, "goal_transaction": 25, "survey_participation": 15, "survey_answer": 45,
    "subscription_update": 40, "email_complaint": 3, "email_do_not_contact": 7,
}  # fmt: skip
TABLE_SHARES = {"customers": 0.65, "prospects": 0.35}
ATTRIBUTES = {
    "customers": [
        ("firstName", "text", False),
        ("city", "text", False),
        ("birthYear", "integer", False),
        ("basketValue", "decimal", False),
        ("optIn", "boolean", False),
        ("lastVisit", "moment", False),
        ("interests", "text", True),
    ],
    "prospects": [("company", "text", False), ("score", "decimal", False), ("topics", "text", True)],
}
PROFILES = {"customers": 6000, "prospects": 4000}
# Numbers past what a float holds exactly, so that a reader that takes them for floats is found out.
BEYOND_FLOAT = 2**53 + 1


class Draw:
    """Draws values for one file: `moment` is the current event's own, and `profile` its profile's number."""

    def __init__(self, seed: str, table: str, end: datetime) -> None:
        self.random = random.Random(seed)  # noqa: S311  (data, not secrets)
        self.end = end
        self.first_profile = 100_000 if table == "customers" else 500_000
        self.profiles = PROFILES[table]
        self.table = table
        self.next()

    def next(self) -> None:
        """Moves on to the next event. One in a hundred is of a profile that is not in the table."""
        self.moment = self.end - timedelta(seconds=self.random.randrange(DAYS * 86400))
        place = int(self.random.random() ** 1.6 * self.profiles * 1.01)
        self.profile = BEYOND_FLOAT if place == 7 else self.first_profile + place
        # The goal or form that the event is about, so that its number and its name agree.
        self.topic = self.random.randrange(60)

    def one(self, choices: list[str] | list[str | None]) -> str | None:
        return choices[int(self.random.random() * len(choices))]

    def some(self, choices: list[str], most: int = 3) -> str | None:
        """Up to `most` of them as a list cell; now and then no list at all."""
        count = self.random.randrange(most + 1)
        return ",".join(self.random.sample(choices, count)) if count else None

    def number(self, low: int, high: int) -> str:
        return str(low + int(self.random.random() * (high - low)))

    def earlier(self, most: int) -> str:
        """A moment before the event's own, at most that many seconds."""
        return stamp(self.moment - timedelta(seconds=int(self.random.random() * most)))

    def amount(self) -> str:
        value = self.random.randrange(-2_000, 50_000)
        return f"{value / 100:.2f}".rstrip("0").rstrip(".")

    def nasty(self, value: str | None) -> str | None:
        """Mostly `value`; one time in 300 a text that careless readers stumble over."""
        return self.one(words.NASTY) if self.random.random() < 1 / 300 else value


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _address(draw: Draw) -> str:
    return f"profile.{draw.profile}@{words.DOMAINS[draw.profile % len(words.DOMAINS)]}"


def _phone(draw: Draw) -> str:
    return f"+3247{draw.profile % 10**7:07d}"


# Header of a column -> its value. Moments that are not here are the event's own.
VALUES: dict[str, Callable[[Draw], str | None]] = {
    "profileId": lambda draw: str(draw.profile),
    "campaignId": lambda draw: draw.number(1, len(words.CAMPAIGNS) + 1),
    "emailAddress": _address,
    "gsmNumber": _phone,
    "phoneNumber": _phone,
    "language": lambda draw: draw.one(words.LANGUAGES),
    "versionName": lambda draw: draw.one(words.VERSIONS),
    "reason": lambda draw: draw.one(words.NOT_SENT),
    "reasonDetail": lambda draw: draw.nasty(draw.one(words.DETAILS)),
    "bounceCategory": lambda draw: draw.one(words.BOUNCES),
    "smtpCode": lambda draw: draw.one(words.SMTP_CODES),
    "bounceMessage": lambda draw: draw.nasty(draw.one(words.SMTP_TEXTS)),
    "device": lambda draw: draw.one(words.DEVICES),
    "userAgent": lambda draw: draw.one(words.USER_AGENTS),
    "linkName": lambda draw: draw.nasty(draw.one(words.LINKS)),
    "url": lambda draw: f"https://www.example.com{draw.one(words.PAGES)}",
    "subscriptionName": lambda draw: draw.nasty(draw.one(words.SUBSCRIPTIONS)),
    "messageParts": lambda draw: draw.number(1, 4),
    "operatorCode": lambda draw: draw.one(["0", "17", "E42", None]),
    "campaignData": lambda draw: draw.some(["name=Anna", "code=A;1", "shop=Namur", 'note="x"', "points=1250"], 4),
    "fileName": lambda draw: draw.nasty(f"batch {draw.number(1, 400)} – «final».csv"),
    "downloadedBy": lambda draw: draw.one(words.PEOPLE),
    "audienceName": lambda draw: draw.nasty(draw.one(words.AUDIENCES)),
    "network": lambda draw: draw.one(words.NETWORKS),
    "goalId": lambda draw: str(draw.topic % len(words.GOALS) + 1),
    "goalName": lambda draw: words.GOALS[draw.topic % len(words.GOALS)],
    "transactionId": lambda draw: f"T-{draw.number(10**9, 10**10)}",
    "amount": Draw.amount,
    "currency": lambda draw: draw.one(["EUR", "EUR", "GBP", "CHF"]),
    "formId": lambda draw: str(draw.topic % len(words.FORMS) + 1),
    "formName": lambda draw: words.FORMS[draw.topic % len(words.FORMS)],
    "participationId": lambda draw: draw.number(1, 10**12),
    "status": lambda draw: draw.one(["COMPLETE", "PARTIAL", None]),
    "questionName": lambda draw: draw.one(words.QUESTIONS),
    "answer": lambda draw: draw.some(words.ANSWERS),
    "subscribed": lambda draw: draw.one(["true", "true", "false"]),
    "sourceType": lambda draw: draw.one(["EMAIL", "FORM", "API", "PLATFORM_UPDATE", "PLATFORM_IMPORT"]),
    "sourceId": lambda draw: draw.number(1, 99),
    "sourceName": lambda draw: draw.one(words.FORMS),
    "application": lambda draw: draw.one(["portal", "shop", "", None]),
    "dataCollectionSource": lambda draw: draw.one(["website", "store", None]),
    "dataCollectionWay": lambda draw: draw.one(["double opt-in", "paper; signed", None]),
    "dataCollectionMoment": lambda draw: draw.earlier(400 * 86400),
    "feedbackType": lambda draw: draw.one(["abuse", "fraud", "virus", "other", "not-spam"]),
    "provider": lambda draw: draw.one(words.PROVIDERS),
}
# Of these kinds, some events have no campaign.
CAMPAIGN_MAY_LACK = {"goal_webvisit", "goal_transaction", "email_complaint"}


def loaded_columns(kind: Kind) -> list[str]:
    """The headers that a file to load holds: all but the number of the event and what is joined from other tables."""
    return [column.header for column in kind.columns if column.table is Table.EVENT and column.header != "eventId"]


def events(kind: Kind, table: str, count: int, end: datetime) -> Iterator[str]:
    """A file of `count` events of the six days before `end`, line by line."""
    draw = Draw(f"{table}/{kind.code}", table, end)
    headers = loaded_columns(kind)
    makers = [_maker(kind, header) for header in headers]
    yield ";".join(headers) + "\n"
    for _ in range(count):
        yield ";".join([cell(make(draw)) for make in makers]) + "\n"
        draw.next()


def _maker(kind: Kind, header: str) -> Callable[[Draw], str | None]:
    column = next(column for column in kind.columns if column.header == header)
    if column.source == kind.moment:
        return lambda draw: stamp(draw.moment)
    if header == "campaignId" and kind.code in CAMPAIGN_MAY_LACK:
        return lambda draw: None if draw.random.random() < 0.4 else VALUES[header](draw)
    if header not in VALUES and column.format is Format.MOMENT:
        return lambda draw: draw.earlier(2 * 86400)
    return VALUES[header]


def profiles(table: str, end: datetime) -> Iterator[str]:
    draw = Draw(f"profiles of {table}", table, end)
    yield ";".join(["profileId", "businessKey", *(name for name, _, _ in ATTRIBUTES[table])]) + "\n"
    for place in range(draw.profiles):
        draw.next()
        number = BEYOND_FLOAT if place == 7 else draw.first_profile + place
        # A few profiles have no key; a businessKey is unique where there is one.
        key = None if place % 50 == 3 else f"K;{number}" if place % 90 == 5 else f"{table[0].upper()}{number}"
        yield ";".join([cell(value) for value in [str(number), key, *_attributes(draw)]]) + "\n"


def _attributes(draw: Draw) -> list[str | None]:
    if draw.table == "prospects":
        score = f"{draw.random.randrange(100_000) / 1000:.3f}".rstrip("0").rstrip(".")
        return [draw.nasty(draw.one(words.COMPANIES)), score, draw.some(words.INTERESTS)]
    return [
        draw.nasty(draw.one(words.FIRST_NAMES)),
        draw.one(words.CITIES),
        draw.number(1935, 2008),
        draw.amount(),
        draw.one(["true", "false", None]),
        stamp(draw.moment),
        draw.some(words.INTERESTS),
    ]


def campaigns() -> Iterator[str]:
    yield "campaignId;campaignName;campaignType\n"
    for number, name in enumerate(words.CAMPAIGNS, start=1):
        yield f"{number};{cell(name)};{words.CAMPAIGN_TYPES[number % len(words.CAMPAIGN_TYPES)]}\n"


def count_of(kind: str, table: str, total: int) -> int:
    """How many events of a kind a table gets when the demo makes `total` in all; at least three."""
    return max(3, round(total * TABLE_SHARES[table] * SHARES[kind] / sum(SHARES.values())))


def write(path: Path, lines: Iterator[str]) -> Path:
    """Writes a file whole or not at all, unless it is there already."""
    if not path.exists():
        part = path.with_suffix(".part")
        with part.open("w", encoding="utf-8", newline="") as file:
            file.writelines(lines)
        part.rename(path)
    return path


def files(folder: Path, total: int, end: datetime) -> Iterator[tuple[str, str, Path]]:
    """Yields (table, kind's code, file of events), each made when its turn comes."""
    for table in TABLE_SHARES:
        for kind in KINDS.values():
            lines = events(kind, table, count_of(kind.code, table, total), end)
            yield table, kind.code, write(folder / f"{table}_{kind.code}.csv", lines)


def last_midnight() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
