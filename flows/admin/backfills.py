"""Backfills: asked for on a page of the flow, followed and cancelled on their own."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.buttons import Button, link
from flows import backfill
from flows.models import Backfill

from .history import ReadOnly


def _day(label: str, meaning: str) -> forms.DateField:
    return forms.DateField(label=label, help_text=meaning, widget=forms.DateInput(attrs={"type": "date"}))


class BackfillForm(forms.Form):
    first_day = _day("First day", "Of the account's time zone.")
    last_day = _day("Last day", "Included.")
    per_day = forms.BooleanField(label="One file for each day", required=False, help_text="Off: one file for all the days.")
    deliver = forms.BooleanField(
        label="Send it to the flow's locations",
        required=False,
        initial=True,
        help_text="Off: the files are only kept for download.",
    )


@admin.register(Backfill)
class BackfillAdmin(ReadOnly):
    list_display = ["__str__", "per_day", "progress", "asked_by", "asked_at", "cancelled_at"]
    list_select_related = ["flow__profile_table__account"]
    fields = ["flow", "first_day", "last_day", "per_day", "progress", "runs", "asked_by", "asked_at", "cancelled_at"]
    readonly_fields = ["progress", "runs"]
    buttons = (Button("cancel", "Cancel the rest", lambda asked: asked.cancelled_at is None, "Cancelled."),)

    @admin.display(description="Progress")
    def progress(self, asked: Backfill) -> str:
        ended, total = backfill.progress(asked)
        return f"{ended} of {total} files"

    @admin.display(description="Runs")
    def runs(self, asked: Backfill) -> SafeString:
        return link(f"{reverse('admin:flows_run_changelist')}?backfill__id__exact={asked.pk}", "Its runs")

    def cancel(self, request: HttpRequest, asked: Any) -> str:
        return f"{backfill.cancel(asked)} files are cancelled. What was being made or sent is finished."
