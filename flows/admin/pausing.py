"""Pausing and resuming flows: buttons of one flow, actions on a list, and the page that shows what each choice of resuming means."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse

from accounts.buttons import ButtonsMixin
from flows import pausing
from flows.errors import FlowError
from flows.models import Flow
from flows.pausing import Resume

from .asking import ask_for_run


class ResumeForm(forms.Form):
    how = forms.ChoiceField(
        label="What becomes of these events", choices=Resume.choices, initial=Resume.TOGETHER, widget=forms.RadioSelect
    )


class PausingMixin(ButtonsMixin):
    actions = ("pause_chosen", "resume_chosen")

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.resume_page)
        return [path("resume/", view, name="flows_flow_resume"), *super().get_urls()]

    def pause(self, request: HttpRequest, flow: Flow) -> str:
        pausing.pause(flow)
        return (
            f"The flow {flow} is paused. Its missed days are recorded, and on resuming you choose what becomes of their events."
        )

    @admin.action(description="Pause the chosen flows", permissions=["change"])
    def pause_chosen(self, request: HttpRequest, flows: QuerySet[Flow]) -> None:
        paused = 0
        for flow in flows:
            try:
                pausing.pause(flow)
            except FlowError as error:
                messages.warning(request, str(error))
                continue
            self.log_change(request, flow, "Paused.")
            paused += 1
        messages.success(request, f"Flows paused: {paused}.")

    @admin.action(description="Resume the chosen flows…", permissions=["change"])
    def resume_chosen(self, request: HttpRequest, flows: QuerySet[Flow]) -> HttpResponse | None:
        chosen = flows.filter(paused_at__isnull=False)
        if not chosen:
            messages.warning(request, "None of the chosen flows is paused.")
            return None
        return redirect(resume_url(*chosen.values_list("pk", flat=True)))

    def resume_page(self, request: HttpRequest) -> HttpResponse:
        """Shows the rows of each missed day, asks what becomes of them, and resumes."""
        numbers = [number for number in request.GET.get("flows", "").split(",") if number.isdecimal()]
        flows = list(self.get_queryset(request).filter(pk__in=numbers, paused_at__isnull=False))
        if not all(self.may_press(request, flow) for flow in flows) or not self.has_change_permission(request):
            raise PermissionDenied
        if not flows:
            messages.warning(request, "This is not possible any more: no flow is paused.")
            return redirect("admin:flows_flow_changelist")
        form = ResumeForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            self._resume(request, flows, Resume(form.cleaned_data["how"]))
            return redirect("admin:flows_flow_changelist")
        context = {
            **self.admin_site.each_context(request),
            "title": "Resume",
            "opts": self.opts,
            "original": flows[0] if len(flows) == 1 else "Paused flows",
            "back": reverse("admin:flows_flow_changelist"),
            "form": form,
            "paused": [{"flow": flow, "missed": pausing.missed(flow)} for flow in flows],
        }
        return TemplateResponse(request, "admin/resume.html", context)

    def _resume(self, request: HttpRequest, flows: list[Flow], how: Resume) -> None:
        for flow in flows:
            try:
                runs = pausing.resume(flow, how)
            except FlowError as error:
                messages.error(request, str(error))
                continue
            for run in runs:
                ask_for_run(request, run)
            self.log_change(request, flow, f"Resumed: {how.label.lower()}.")
            messages.success(request, f"The flow {flow} is resumed: {how.label.lower()}.")


def resume_url(*numbers: int) -> str:
    return f"{reverse('admin:flows_flow_resume')}?flows={','.join(map(str, numbers))}"
