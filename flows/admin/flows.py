"""Support's pages for flows: a list that answers whether each is healthy, and buttons for what lies outside the schedule."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Max, OuterRef, Q, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.buttons import Button, Refused
from accounts.models import Attribute
from flows import backfill, reruns, schedule
from flows.clashes import clash
from flows.errors import FlowError
from flows.models import Delivery, Enrichment, Flow, Run
from flows.pages.states import with_state
from flows.templatetags.portal import chip, moment
from transfers.models import Location

from .asking import ask_for_run
from .backfills import BackfillForm
from .filters import AccountFilter, KindFilter
from .forms import FlowForm, RangeForm, untested
from .pausing import PausingMixin, resume_url
from .reconciling import ReconcilingMixin


class EnrichmentInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Enrichment
    fields = ["order", "attribute"]
    ordering = ["order", "pk"]
    extra = 0
    verbose_name = "enrichment attribute"
    verbose_name_plural = "enrichment: attributes of the profile, after businessKey in this order"

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        self.table_id = obj.profile_table_id if obj else None
        return super().get_formset(request, obj, **kwargs)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "attribute":
            kwargs["queryset"] = Attribute.objects.filter(profile_table=self.table_id)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


@admin.register(Flow)
class FlowAdmin(ReconcilingMixin, PausingMixin):
    form = FlowForm
    list_display = ["__str__", "active", "last_state", "last_delivered", "next_launch", "goes_to"]
    list_filter = ["active", AccountFilter, KindFilter]
    list_select_related = ["profile_table__account"]
    search_fields = ["kind", "profile_table__name", "profile_table__account__name"]
    autocomplete_fields = ["profile_table"]
    filter_horizontal = ["locations"]
    readonly_fields = ["next_launch", "files_made", "last_state"]
    refusals = (Refused, FlowError)
    buttons = (
        Button("run_now", "Run now", lambda flow: bool(flow.position) and not flow.paused_at, "Run now."),
        Button("pause", "Pause", lambda flow: flow.active and not flow.paused_at, "Paused."),
        Button("activate", "Activate", lambda flow: not flow.active, "Activated."),
    )
    fieldsets = [
        (None, {"fields": ["profile_table", "kind", "active", "launch_time", "locations"]}),
        ("File", {"fields": ["file_name", "moments", "when_empty", "start"]}),
        ("State", {"fields": ["next_launch", "last_state", "files_made"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        runs = Run.objects.filter(flow=OuterRef("pk"), purpose__in=Run.MOVES_POSITION).order_by("-id")
        done = Q(runs__deliveries__status=Delivery.Status.DELIVERED)
        flows: QuerySet[Any] = super().get_queryset(request)
        shown: QuerySet[Any] = flows.annotate(
            last_run_id=Subquery(runs.values("pk")[:1]),
            last_run_state=Subquery(with_state(runs).values("state")[:1]),
            delivered_at=Max("runs__deliveries__delivered_at", filter=done),
        ).prefetch_related("locations__account")
        return shown

    def get_readonly_fields(self, request: HttpRequest, obj: Flow | None = None) -> list[str]:
        return [*self.readonly_fields, *(["profile_table", "kind"] if obj else [])]

    def get_inlines(self, request: HttpRequest, obj: Flow | None) -> list[Any]:
        return [EnrichmentInline] if obj else []

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "locations":
            kwargs["queryset"] = Location.objects.select_related("account")
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def get_form(self, request: HttpRequest, obj: Flow | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if obj and "locations" in form.base_fields:
            form.base_fields["locations"].queryset = Location.objects.filter(account=obj.account).select_related("account")  # type: ignore[attr-defined]
        return form

    @admin.display(description="Next launch", ordering="next_launch_at")
    def next_launch(self, flow: Flow) -> str | SafeString:
        if flow.next_launch_at is None:
            return "Not active"
        if flow.paused_at:
            return format_html("Paused since {}", moment(flow.paused_at, flow.account.zone))
        return format_html(
            '{} <span class="quiet-line">{}</span>', moment(flow.next_launch_at, flow.account.zone), flow.account.time_zone
        )

    @admin.display(description="Last run", ordering="last_run_id")
    def last_state(self, flow: Any) -> str | SafeString:
        if not flow.pk or not flow.last_run_id:
            return "None yet"
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:flows_run_change", args=[flow.last_run_id]), chip(flow.last_run_state)
        )

    @admin.display(description="Last delivered", ordering="delivered_at")
    def last_delivered(self, flow: Any) -> str | SafeString:
        return moment(flow.delivered_at, flow.account.zone)

    @admin.display(description="Goes to")
    def goes_to(self, flow: Flow) -> str:
        return ", ".join(location.name for location in flow.locations.all())

    @admin.display(description="Files made")
    def files_made(self, flow: Flow) -> int:
        return flow.sequence

    @transaction.atomic
    def run_now(self, request: HttpRequest, flow: Flow) -> HttpResponse:
        return self._opened(request, flow, self.buttons[0], schedule.open_manual(flow))

    def _opened(self, request: HttpRequest, flow: Flow, button: Button, run: Run) -> HttpResponse:
        """Asks for the new run and shows it."""
        ask_for_run(request, run)
        self.done(request, flow, button, f"Run {run.pk} of {flow} is open and waits for a worker.")
        return redirect("admin:flows_run_change", run.pk)

    def activate(self, request: HttpRequest, flow: Flow) -> str:
        locations = flow.locations.select_related("account", "server")
        if sentence := clash(flow, locations) or untested(locations):
            raise Refused(sentence)
        flow.active = True
        flow.save()
        return f"The flow {flow} is active. Its next launch is {flow.next_launch_at:%Y-%m-%d %H:%M} UTC."

    def get_urls(self) -> list[Any]:
        pages = (("range", self.range_page), ("backfill", self.backfill_page))
        own = [
            path(f"<path:object_id>/{name}/", self.admin_site.admin_view(view), name=f"flows_flow_{name}") for name, view in pages
        ]
        return [*own, *super().get_urls()]

    def _flow_to_change(self, request: HttpRequest, object_id: str) -> Flow:
        flow: Flow | None = self.get_object(request, object_id)
        if flow is None:
            raise Http404
        if not self.may_press(request, flow):
            raise PermissionDenied
        return flow

    def backfill_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Files of the events of past days, one for all or one a day."""
        flow = self._flow_to_change(request, object_id)
        form = BackfillForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            days = form.cleaned_data
            try:
                with transaction.atomic():
                    asked = backfill.request(
                        flow,
                        days["first_day"],
                        days["last_day"],
                        per_day=days["per_day"],
                        deliver=days["deliver"],
                        asked_by=request.user.get_username(),
                    )
                    for run in asked.runs.all():
                        ask_for_run(request, run)
            except FlowError as error:
                form.add_error(None, str(error))
            else:
                self.done(request, flow, Button("backfill", "Backfill", note="Backfill."), f"{asked}: the files are being made.")
                return redirect("admin:flows_backfill_change", asked.pk)
        return self.ask(request, flow, "admin/backfill.html", "Backfill", form=form, zone=flow.account.time_zone)

    def range_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A one-shot file of the events of a range, in the account's zone."""
        flow = self._flow_to_change(request, object_id)
        form = RangeForm(request.POST or None, flow)
        if request.method == "POST" and form.is_valid():
            try:
                with transaction.atomic():
                    run = reruns.export_range(flow, *form.bounds, deliver=form.cleaned_data["deliver"])
                    return self._opened(request, flow, Button("range", "Date range", note="Date range."), run)
            except FlowError as error:
                form.add_error(None, str(error))
        return self.ask(request, flow, "admin/range.html", "Date range", form=form, zone=flow.account.time_zone)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        flow = kwargs.get("obj")
        if flow is not None:
            runs = f"{reverse('admin:flows_run_changelist')}?flow__id__exact={flow.pk}"
            compare = f"{reverse('admin:flows_flow_reconcile')}?flow={flow.pk}"
            context["links"] = [{"label": "Runs", "url": runs}, {"label": "Reconcile", "url": compare}]
            if self.may_press(request, flow):
                pages = [("Date range…", "range"), ("Backfill…", "backfill")]
                context["links"][:0] = [
                    {"label": label, "url": reverse(f"admin:flows_flow_{name}", args=[flow.pk])} for label, name in pages
                ]
                if flow.paused_at:
                    context["links"].insert(0, {"label": "Resume…", "url": resume_url(flow.pk)})
        return super().render_change_form(request, context, *args, **kwargs)
