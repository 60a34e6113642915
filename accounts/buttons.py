"""Buttons on the admin's change pages: sent by POST with a token, checked against permissions, and noted in the object's history."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString


class Refused(Exception):
    """A button that cannot do what it says; the text is a sentence."""


def _always(item: Any) -> bool:
    return True


@dataclass(frozen=True)
class Button:
    """`name` is the admin's method: it takes the request and the object, and returns a sentence for the person or a response.

    `note` is what the object's history says of it; empty for a button that changes nothing. One that is not `listed` is the
    second step of another, and stands on that one's page.
    """

    name: str
    label: str
    shown: Callable[[Any], bool] = _always
    note: str = ""
    listed: bool = True


class ButtonsMixin(admin.ModelAdmin):  # type: ignore[type-arg]
    buttons: Sequence[Button] = ()
    # What a button's method may raise instead of doing its work; the sentence is shown.
    refusals: tuple[type[Exception], ...] = (Refused,)
    change_form_template = "admin/buttons.html"

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.press)
        return [path("<path:object_id>/press/<str:name>/", view, name=self._press_name), *super().get_urls()]

    @property
    def _press_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_press"

    def may_press(self, request: HttpRequest, item: Any) -> bool:
        return self.has_change_permission(request, item)

    def press_url(self, item: Any, name: str) -> str:
        return reverse(f"admin:{self._press_name}", args=[item.pk, name])

    def change_url(self, item: Any) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[item.pk])

    def press(self, request: HttpRequest, object_id: str, name: str) -> HttpResponseBase:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        item = self.get_object(request, object_id)
        button = next((button for button in self.buttons if button.name == name), None)
        if item is None or button is None:
            raise Http404
        if not self.may_press(request, item):
            raise PermissionDenied
        if not button.shown(item):
            messages.warning(request, f"{button.label}: this is not possible any more, since it has changed meanwhile.")
            return redirect(self.change_url(item))
        try:
            answer = getattr(self, name)(request, item)
        except self.refusals as refusal:
            messages.error(request, str(refusal))
            return redirect(self.change_url(item))
        if isinstance(answer, HttpResponseBase):
            return answer
        self.done(request, item, button, answer)
        return redirect(self.change_url(item))

    def done(self, request: HttpRequest, item: Any, button: Button, sentence: str) -> None:
        """Tells the person, and the object's history where the button changes something."""
        if button.note:
            self.log_change(request, item, button.note)
        messages.success(request, sentence)

    def ask(self, request: HttpRequest, item: Any, template: str, title: str, **context: Any) -> HttpResponse:
        """A page in the admin's frame, between a button and what it does, or with what it found."""
        frame = {
            **self.admin_site.each_context(request),
            "title": title,
            "subtitle": str(item),
            "opts": self.opts,
            "original": item,
            "back": self.change_url(item),
        }
        return TemplateResponse(request, template, {**frame, **context})

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        item = kwargs.get("obj")
        if item is not None and item.pk and self.may_press(request, item):
            context["buttons"] = [
                {"label": button.label, "url": self.press_url(item, button.name)}
                for button in self.buttons
                if button.listed and button.shown(item)
            ]
        return super().render_change_form(request, context, *args, **kwargs)


def link(url: str, text: object) -> SafeString:
    return format_html('<a href="{}">{}</a>', url, text)
