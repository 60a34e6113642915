"""The filters of the history; each offers only what the member may see."""

from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import Account, ProfileTable
from flows.models import Flow, Run
from interactions.kinds import KIND_CHOICES

from .states import STATE_CHOICES


class DayInput(forms.DateInput):
    input_type = "date"


def _select() -> forms.Select:
    return forms.Select(attrs={"class": "form-select form-select-sm"})


def _day() -> DayInput:
    return DayInput(attrs={"class": "form-control form-control-sm"}, format="%Y-%m-%d")


def _accounts(request: HttpRequest) -> QuerySet[Account]:
    return Account.objects.visible_to(request.user)


def _tables(request: HttpRequest) -> QuerySet[ProfileTable]:
    return ProfileTable.objects.filter(account__in=_accounts(request)).select_related("account")


class RunFilter(django_filters.FilterSet):  # type: ignore[misc]
    """By account (only for members of several), table, kind, state, and export days, both ends included."""

    account = django_filters.ModelChoiceFilter(
        field_name="flow__profile_table__account",
        queryset=_accounts,
        label="Account",
        empty_label="All accounts",
        widget=_select(),
    )
    table = django_filters.ModelChoiceFilter(
        field_name="flow__profile_table", queryset=_tables, label="Table", empty_label="All tables", widget=_select()
    )
    kind = django_filters.ChoiceFilter(
        field_name="flow__kind", choices=KIND_CHOICES, label="Kind", empty_label="All kinds", widget=_select()
    )
    status = django_filters.ChoiceFilter(
        field_name="state", choices=STATE_CHOICES, label="Status", empty_label="Any status", widget=_select()
    )
    since = django_filters.DateFilter(field_name="export_day", lookup_expr="gte", label="From day", widget=_day())
    until = django_filters.DateFilter(field_name="export_day", lookup_expr="lte", label="To day", widget=_day())

    class Meta:
        model = Run
        fields: list[str] = []

    def __init__(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        super().__init__(request.GET, queryset, request=request)
        self.several_accounts = _accounts(request).count() > 1
        if not self.several_accounts:
            del self.filters["account"]
        used = set(Flow.objects.visible_to(request.user).order_by().values_list("kind", flat=True).distinct())
        self.filters["kind"].extra["choices"] = [choice for choice in KIND_CHOICES if choice[0] in used]
        fields = self.form.fields
        if self.several_accounts:
            fields["account"].label_from_instance = _label
        else:
            fields["table"].label_from_instance = _name

    @property
    def chosen(self) -> bool:
        """Whether any filter narrows the list."""
        return any(self.data.get(name) for name in self.filters)


def _label(account: Account) -> Any:
    return account.label


def _name(table: ProfileTable) -> Any:
    return table.name
