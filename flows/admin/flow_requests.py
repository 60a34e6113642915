"""Support's list of the flows that managers ask for, with the button that makes one."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.buttons import Button, ButtonsMixin, Refused
from flows.errors import FlowError
from flows.flow_requests import grant
from flows.models import Flow, FlowRequest

MADE = "Flow made."


def is_open(asked: FlowRequest) -> bool:
    return asked.status == FlowRequest.Status.OPEN


@admin.register(FlowRequest)
class FlowRequestAdmin(ButtonsMixin):
    list_display = ["__str__", "status", "asked_by", "asked_at"]
    list_filter = ["status", ("profile_table__account", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["profile_table__account", "asked_by"]
    fields = ["profile_table", "kind", "wish", "asked_by", "asked_at", "status"]
    readonly_fields = ["profile_table", "kind", "wish", "asked_by", "asked_at"]
    actions = ["make_flows"]
    refusals = (Refused, FlowError)
    buttons = (Button("make_flow", "Make the flow", is_open, MADE),)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def may_press(self, request: HttpRequest, item: FlowRequest) -> bool:
        return self.has_make_permission(request)

    def has_make_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perms(["flows.change_flowrequest", "flows.add_flow"])

    def make_flow(self, request: HttpRequest, asked: FlowRequest) -> HttpResponse:
        flow = self._made(request, asked)
        self.message_user(request, f"The flow {flow} is there, not active yet. Choose its locations, save, then activate it.")
        return redirect("admin:flows_flow_change", flow.pk)

    def _made(self, request: HttpRequest, asked: FlowRequest) -> Flow:
        flow = grant(asked)
        self.log_change(request, asked, MADE)
        return flow

    @admin.action(description="Make the flows", permissions=["make"])
    def make_flows(self, request: HttpRequest, queryset: QuerySet[FlowRequest]) -> None:
        made = [self._made(request, asked) for asked in queryset.select_related("profile_table").order_by("pk") if is_open(asked)]
        names = ", ".join(map(str, made))
        self.message_user(request, f"Made, not active yet: {names}." if made else "None of these requests is open.")
