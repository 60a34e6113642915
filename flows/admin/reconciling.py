"""The page that holds what is stored against what was sent, for one flow or all, as `manage.py reconcile` does."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone

from accounts.buttons import ButtonsMixin
from accounts.models import Account
from flows.models import Flow
from flows.reconciliation import reconcile

SHOWN_DAYS = 7


def _first_day() -> date:
    return timezone.now().date() - timedelta(days=SHOWN_DAYS)


class ReconcileForm(forms.Form):
    account = forms.ModelChoiceField(Account.objects.all(), required=False, empty_label="Every account")
    flow = forms.ModelChoiceField(Flow.objects.none(), required=False, empty_label="Every flow")
    since = forms.DateField(label="From export day", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, data: Any, flows: QuerySet[Flow]) -> None:
        super().__init__(data)
        self.flows = flows
        self.fields["flow"].queryset = flows  # type: ignore[attr-defined]

    def chosen(self) -> QuerySet[Flow]:
        flows = self.flows
        if account := self.cleaned_data["account"]:
            flows = flows.filter(profile_table__account=account)
        if flow := self.cleaned_data["flow"]:
            flows = flows.filter(pk=flow.pk)
        return flows


class ReconcilingMixin(ButtonsMixin):
    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.reconcile_page)
        return [path("reconcile/", view, name="flows_flow_reconcile"), *super().get_urls()]

    def reconcile_page(self, request: HttpRequest) -> HttpResponse:
        """Each export day's events stored, in files and delivered; the days with a difference come first."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = ReconcileForm(request.GET or None, Flow.objects.select_related("profile_table__account"))
        days = []
        if form.is_bound and form.is_valid():
            days = list(reconcile(form.chosen(), form.cleaned_data["since"] or _first_day()))
        context = {
            **self.admin_site.each_context(request),
            "title": "Reconcile",
            "opts": self.opts,
            "original": "All flows",
            "back": reverse("admin:flows_flow_changelist"),
            "form": form,
            "days": sorted(days, key=lambda day: not day.differences),
            "differing": sum(bool(day.differences) for day in days),
            "shown_days": SHOWN_DAYS,
        }
        return TemplateResponse(request, "admin/reconcile.html", context)
