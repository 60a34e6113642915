"""List filters that the flows, runs and deliveries of the admin share."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import Account
from flows.models import Flow
from flows.pages.states import STATE_CHOICES
from interactions.kinds import KIND_CHOICES
from transfers.models import Server


class StateFilter(admin.SimpleListFilter):
    title = "status"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return STATE_CHOICES

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(state=self.value()) if self.value() else queryset


class _PathFilter(admin.SimpleListFilter):
    """Filters by a field of the flow; `prefix` leads from the listed model to its flow."""

    lookup: str
    prefix = ""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.prefix + self.lookup: self.value()}) if self.value() else queryset


class AccountFilter(_PathFilter):
    title = "account"
    parameter_name = "account"
    lookup = "profile_table__account__name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(Account.objects.values_list("name", "name"))


class KindFilter(_PathFilter):
    title = "kind"
    parameter_name = "kind"
    lookup = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        used = set(Flow.objects.order_by().values_list("kind", flat=True).distinct())
        return [choice for choice in KIND_CHOICES if choice[0] in used]


class ServerFilter(admin.SimpleListFilter):
    title = "server"
    parameter_name = "server"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        named = Server.objects.values_list("pk", "account__name", "name")
        return [(str(pk), f"{account}/{name}") for pk, account, name in named]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        return queryset.filter(location__server=value) if value.isdecimal() else queryset


class RunAccountFilter(AccountFilter):
    prefix = "flow__"


class RunKindFilter(KindFilter):
    prefix = "flow__"


class DeliveryAccountFilter(AccountFilter):
    prefix = "run__flow__"


class DeliveryKindFilter(KindFilter):
    prefix = "run__flow__"
