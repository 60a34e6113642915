"""The flows of a member's tables, and the column dictionary of each kind."""

from dataclasses import dataclass, replace
from itertools import groupby

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import Account, Attribute, Member, ProfileTable
from flows.models import Flow, Run
from interactions.kinds import KINDS, Column, Format, Kind

from .states import with_state

EXAMPLES = {
    Format.INTEGER: "1048576",
    Format.TEXT: "Spring sale",
    Format.DECIMAL: "12.5",
    Format.BOOLEAN: "true",
    Format.MOMENT: "2026-11-23T07:15:00Z",
    Format.LIST: "sports,travel",
}
LOCAL_MOMENT = "2026-11-23 08:15:00"
FAMILIES = {
    "email": "E-mail campaigns",
    "sms": "SMS campaigns",
    "print": "Print campaigns",
    "audience": "Custom audiences",
    "call_center": "Call center campaigns",
    "goal": "Goals",
    "survey": "Surveys",
    "profile": "Profiles",
}
BY_HEADER = {
    "eventId": "90417",
    "profileId": "417",
    "businessKey": "C-000417",
    "campaignId": "1208",
    "campaignType": "ONE_SHOT",
    "emailAddress": "ada@example.com",
    "language": "en",
    "versionName": "Version A",
    "reason": "INVALID_ADDRESS",
    "reasonDetail": "No such mailbox",
    "bounceCategory": "UNKNOWN_USER",
    "smtpCode": "550",
    "bounceMessage": "5.1.1 User unknown",
    "device": "MOBILE",
    "userAgent": "Mozilla/5.0 (Macintosh)",
    "linkName": "Order now",
    "url": "https://www.example.com/spring",
    "subscriptionName": "Newsletter",
    "gsmNumber": "+32470123456",
    "messageParts": "2",
    "operatorCode": "027",
    "campaignData": "voucher=SPRING10,shop=12",
    "fileName": "print_1208.csv",
    "downloadedBy": "printer@example.com",
    "audienceName": "Lapsed buyers",
    "network": "FACEBOOK",
    "phoneNumber": "+3225550100",
    "goalId": "31",
    "goalName": "Order placed",
    "transactionId": "T-58213",
    "currency": "EUR",
    "formId": "77",
    "formName": "Satisfaction",
    "participationId": "5120",
    "status": "COMPLETED",
    "questionName": "favouriteSports",
    "answer": "running,tennis",
    "sourceType": "FORM",
    "sourceId": "77",
    "sourceName": "Satisfaction",
    "application": "web",
    "dataCollectionSource": "Shop in Brussels",
    "dataCollectionWay": "Paper form",
    "feedbackType": "abuse",
    "provider": "example.net",
}


@dataclass(frozen=True)
class Entry:
    """One line of a column dictionary."""

    header: str
    type: str
    meaning: str
    example: str
    enrichment: bool = False


def entry(column: Column) -> Entry:
    example = BY_HEADER.get(column.header, EXAMPLES[column.format])
    return Entry(column.header, column.format.value, column.meaning, example)


def enrichment_entry(attribute: Attribute) -> Entry:
    form = Format.LIST if attribute.multi_valued else Format(attribute.type)
    return Entry(attribute.name, form.value, "Attribute of the profile, as it is now.", EXAMPLES[form], enrichment=True)


def dictionary(kind: Kind, attributes: list[Attribute] | None = None) -> list[Entry]:
    """The lines of a kind's dictionary in the order of its file, enrichment right after businessKey."""
    lines = [entry(column) for column in kind.columns]
    place = kind.headers.index("businessKey") + 1
    return lines[:place] + [enrichment_entry(attribute) for attribute in attributes or []] + lines[place:]


def visible_flows(request: HttpRequest) -> QuerySet[Flow]:
    return Flow.objects.visible_to(request.user).select_related("profile_table__account")


@require_safe
@never_cache
def flows(request: HttpRequest) -> HttpResponse:
    """Each table's flows, with the next launch and the last run, and the kinds that are not set up."""
    newest = Run.objects.filter(flow=OuterRef("pk"), purpose__in=Run.MOVES_POSITION).order_by("-id").values("pk")[:1]
    shown = list(visible_flows(request).annotate(last_run_id=Subquery(newest)).prefetch_related("locations__server"))
    runs = with_state(Run.objects.filter(pk__in=[flow.last_run_id for flow in shown])).in_bulk()
    by_table = {
        table: [(flow, runs.get(flow.last_run_id)) for flow in sorted(group, key=lambda flow: flow.definition.number)]
        for table, group in groupby(shown, lambda flow: flow.profile_table_id)
    }
    accounts = Account.objects.visible_to(request.user)
    tables = [
        {"table": table, "zone": table.account.zone, "flows": rows, "missing": _missing([flow for flow, _ in rows])}
        for table in ProfileTable.objects.filter(account__in=accounts).select_related("account")
        for rows in [by_table.get(table.pk, [])]
    ]
    context = {
        "tables": tables,
        "has_accounts": bool(accounts),
        "several_accounts": len(accounts) > 1,
        "manages": manages(request),
    }
    return render(request, "pages/flows.html", context)


def _missing(flows: list[Flow]) -> list[Kind]:
    """The kinds of the catalogue that none of `flows` exports."""
    there = {flow.kind for flow in flows}
    return [kind for kind in KINDS.values() if kind.code not in there]


def manages(request: HttpRequest) -> bool:
    """Whether the member is a manager of any account, and so may ask for flows."""
    return Member.objects.filter(user=request.user.pk, role=Member.Role.MANAGER).exists()


@require_safe
def kinds(request: HttpRequest) -> HttpResponse:
    families = [(FAMILIES[family], list(group)) for family, group in groupby(KINDS.values(), lambda kind: kind.family)]
    return render(request, "pages/kinds.html", {"families": families})


@require_safe
def columns_of_kind(request: HttpRequest, code: str) -> HttpResponse:
    if code not in KINDS:
        raise Http404
    return _dictionary_page(request, KINDS[code], dictionary(KINDS[code]))


@require_safe
def columns_of_flow(request: HttpRequest, pk: int) -> HttpResponse:
    """The dictionary with the flow's own enrichment and form of moments."""
    flow = get_object_or_404(visible_flows(request), pk=pk)
    lines = dictionary(flow.definition, flow.attributes())
    if flow.moments == Flow.Moments.LOCAL:
        lines = [replace(line, example=LOCAL_MOMENT) if line.type == "moment" else line for line in lines]
    return _dictionary_page(request, flow.definition, lines, flow)


def _dictionary_page(request: HttpRequest, kind: Kind, lines: list[Entry], flow: Flow | None = None) -> HttpResponse:
    header = ";".join(line.header for line in lines)
    return render(request, "pages/columns.html", {"kind": kind, "flow": flow, "lines": lines, "header": header})
