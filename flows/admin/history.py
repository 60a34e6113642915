"""Support's view of runs and deliveries: read only, with buttons and actions for what a person may ask for."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.buttons import Button, ButtonsMixin, Refused, link
from flows import reruns
from flows.errors import FlowError
from flows.models import Delivery, Run
from flows.pages.states import with_state
from flows.templatetags.portal import chip, count, delivery_state, moment, size

from .asking import ask_for_deliveries, ask_for_run, servers_of
from .filters import DeliveryAccountFilter, DeliveryKindFilter, RunAccountFilter, RunKindFilter, ServerFilter, StateFilter


class ReadOnly(ButtonsMixin):
    """Rows are shown, never edited; whoever may change them may press the buttons."""

    refusals = (Refused, FlowError)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def may_press(self, request: HttpRequest, item: Any) -> bool:
        return self.has_rerun_permission(request)

    def has_rerun_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"flows.change_{self.opts.model_name}")

    def each(self, request: HttpRequest, rows: QuerySet[Any], deed: Callable[[Any], str], word: str) -> None:
        """Does `deed` for each chosen row, oldest first; says how many, and each refusal once."""
        made, refused = 0, {}
        for row in rows.order_by("pk"):
            try:
                with transaction.atomic():
                    self.log_change(request, row, deed(row))
                made += 1
            except FlowError as error:
                refused[str(error)] = True
        if made:
            messages.success(request, f"{word}: {made}.")
        for sentence in refused:
            messages.error(request, sentence)


class DeliveryInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Delivery
    fields = ("to", "state_word", "attempt", "failures", "next_attempt_at", "error", "sent", "delivered_at")
    readonly_fields = fields
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        return super().get_queryset(request).select_related("location__account", "run__flow__profile_table__account")

    @admin.display(description="Location")
    def to(self, delivery: Delivery) -> str:
        return str(delivery.location)

    @admin.display(description="Status")
    def state_word(self, delivery: Delivery) -> SafeString:
        return delivery_state(delivery)

    @admin.display(description="Sent")
    def sent(self, delivery: Delivery) -> str:
        return size(delivery.bytes_sent)


@admin.register(Run)
class RunAdmin(ReadOnly):
    list_display = ["number", "flow", "export_day", "state_chip", "purpose", "row_count", "archive_size", "finished"]
    list_filter = [StateFilter, RunAccountFilter, RunKindFilter, "purpose", "export_day"]
    list_select_related = ["flow__profile_table__account"]
    search_fields = ["file_name", "=archive_sha256", "=id"]
    inlines = [DeliveryInline]
    actions = ["action_try_again", "action_deliver_again", "action_rebuild"]
    buttons = (
        Button("try_again", "Try again", lambda run: run.status == Run.Status.FAILED, "Try again."),
        Button("deliver_again", "Deliver again", lambda run: bool(run.archive), "Deliver again."),
        Button("rebuild", "Rebuild", lambda run: run.status == Run.Status.DONE, "Rebuild."),
    )
    fieldsets = [
        (None, {"fields": ["flow_link", "export_day", "purpose", "state_chip", "next_attempt_at"]}),
        (
            "File",
            {"fields": ["file_name", "row_count", "sizes", "first_event_id", "last_event_id", "archive_sha256", "csv_sha256"]},
        ),
        ("Place in the chain", {"fields": ["sequence", "revision", "previous", "original"]}),
        ("Window", {"fields": ["lower", "upper", "start", "range_from", "range_to"], "classes": ["collapse"]}),
        (
            "Work",
            {
                "fields": ["due_at", "opened_at", "started_at", "finished_at", "attempt", "failures", "worker", "lease_until"],
                "classes": ["collapse"],
            },
        ),
        ("Archive", {"fields": ["archive", "purged_at", "manifest"], "classes": ["collapse"]}),
        ("Trace", {"fields": ["trace_text"], "classes": ["collapse"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Run]:
        related = (
            "flow__profile_table__account",
            "previous__flow__profile_table__account",
            "original__flow__profile_table__account",
        )
        runs = with_state(super().get_queryset(request))
        return runs.select_related(*related) if request.resolver_match and "object_id" in request.resolver_match.kwargs else runs

    def get_readonly_fields(self, request: HttpRequest, obj: Run | None = None) -> list[str]:
        return [name for _, options in self.fieldsets or [] for name in options["fields"]]  # type: ignore[misc]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup == "flow__id__exact" or super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]

    @admin.display(description="Run", ordering="id")
    def number(self, run: Run) -> str:
        return str(run.pk)

    @admin.display(description="Flow")
    def flow_link(self, run: Run) -> SafeString:
        return link(reverse("admin:flows_flow_change", args=[run.flow_id]), run.flow)

    @admin.display(description="Status")
    def state_chip(self, run: Any) -> SafeString:
        listed = run.error and run.status in {Run.Status.WAITING, Run.Status.FAILED}
        return format_html('{}<span class="sentence-cell">{}</span>', chip(run.state), run.error if listed else "")

    @admin.display(description="Rows", ordering="rows")
    def row_count(self, run: Run) -> str:
        return count(run.rows)

    @admin.display(description="Size", ordering="archive_bytes")
    def archive_size(self, run: Run) -> str:
        return size(run.archive_bytes)

    @admin.display(description="Bytes")
    def sizes(self, run: Run) -> str:
        return f"{count(run.archive_bytes)} zipped, {count(run.csv_bytes)} as CSV" if run.archive_bytes is not None else ""

    @admin.display(description="Finished", ordering="finished_at")
    def finished(self, run: Run) -> str | SafeString:
        return moment(run.finished_at, run.account.zone)

    @admin.display(description="Where a bug struck")
    def trace_text(self, run: Run) -> SafeString | str:
        return format_html('<pre class="trace">{}</pre>', run.trace) if run.trace else "None."

    @transaction.atomic
    def try_again(self, request: HttpRequest, run: Run) -> str:
        ask_for_run(request, reruns.try_again(run))
        return f"The run {run} waits for a worker again."

    @transaction.atomic
    def deliver_again(self, request: HttpRequest, run: Run) -> str:
        deliveries = reruns.deliver_run_again(run)
        if not deliveries:
            raise Refused(f"The flow {run.flow} goes to no location. Add one to the flow, then deliver again.")
        ask_for_deliveries(request, servers_of(deliveries))
        return f"The file {run.file_name} is on its way again, to {', '.join(delivery.location.name for delivery in deliveries)}."

    @transaction.atomic
    def rebuild(self, request: HttpRequest, run: Run) -> HttpResponse:
        made = reruns.rebuild(run)
        ask_for_run(request, made)
        self.done(request, run, self.buttons[2], f"Revision {made.revision} is open and waits for a worker.")
        return redirect(self.change_url(made))

    @admin.action(description="Try again", permissions=["rerun"])
    def action_try_again(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        self.each(request, queryset, lambda run: self.try_again(request, run), "Waiting for a worker again")

    @admin.action(description="Deliver again", permissions=["rerun"])
    def action_deliver_again(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        self.each(request, queryset, lambda run: self.deliver_again(request, run), "On their way again")

    @admin.action(description="Rebuild", permissions=["rerun"])
    def action_rebuild(self, request: HttpRequest, queryset: QuerySet[Run]) -> None:
        self.each(request, queryset, lambda run: self._rebuilt(request, run), "Rebuilds opened")

    def _rebuilt(self, request: HttpRequest, run: Run) -> str:
        ask_for_run(request, reruns.rebuild(run))
        return "Rebuild."


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    list_display = ["run", "location", "state_word", "attempt", "failures", "problem", "delivered"]
    list_filter = [
        "status",
        DeliveryAccountFilter,
        DeliveryKindFilter,
        ServerFilter,
        "run__export_day",
    ]
    list_select_related = ["run__flow__profile_table__account", "location__account"]
    search_fields = ["run__file_name", "location__name"]
    actions = ["action_deliver_again"]
    buttons = (Button("deliver_again", "Deliver again", lambda delivery: bool(delivery.run.archive), "Deliver again."),)
    fieldsets = [
        (None, {"fields": ["run_link", "location", "state_word", "error", "next_attempt_at"]}),
        (
            "Outcome",
            {"fields": ["sent", "size_verified", "remote_names", "delivered_at", "collected_at", "warned_at", "removed_at"]},
        ),
        (
            "Work",
            {"fields": ["created_at", "started_at", "attempt", "failures", "worker", "lease_until"], "classes": ["collapse"]},
        ),
        ("Trace", {"fields": ["trace_text"], "classes": ["collapse"]}),
    ]

    def get_readonly_fields(self, request: HttpRequest, obj: Delivery | None = None) -> list[str]:
        return [name for _, options in self.fieldsets or [] for name in options["fields"]]  # type: ignore[misc]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        return super().get_queryset(request).select_related(*self.list_select_related)

    @admin.display(description="Run")
    def run_link(self, delivery: Delivery) -> SafeString:
        return link(reverse("admin:flows_run_change", args=[delivery.run_id]), delivery.run)

    @admin.display(description="Status", ordering="status")
    def state_word(self, delivery: Delivery) -> SafeString:
        return delivery_state(delivery)

    @admin.display(description="Sent")
    def sent(self, delivery: Delivery) -> str:
        return f"{count(delivery.bytes_sent)} of {count(delivery.run.archive_bytes)} bytes"

    @admin.display(description="Delivered", ordering="delivered_at")
    def delivered(self, delivery: Delivery) -> str | SafeString:
        return moment(delivery.delivered_at, delivery.run.account.zone)

    @admin.display(description="What went wrong")
    def problem(self, delivery: Delivery) -> SafeString | str:
        return format_html('<span class="sentence-cell">{}</span>', delivery.error) if delivery.error else ""

    @admin.display(description="Where a bug struck")
    def trace_text(self, delivery: Delivery) -> SafeString | str:
        return format_html('<pre class="trace">{}</pre>', delivery.trace) if delivery.trace else "None."

    @transaction.atomic
    def deliver_again(self, request: HttpRequest, delivery: Delivery) -> str:
        sent = reruns.deliver_again(delivery)
        ask_for_deliveries(request, {sent.location.server_id})
        return f"The file {delivery.run.file_name} is on its way again, to {delivery.location.name}."

    @admin.action(description="Deliver again", permissions=["rerun"])
    def action_deliver_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        self.each(request, queryset, lambda delivery: self.deliver_again(request, delivery), "On their way again")
