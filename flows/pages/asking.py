"""The form with which a manager asks for a flow."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.models import Account, Member, ProfileTable
from flows import flow_requests
from flows.errors import FlowError
from flows.models import FlowRequest
from interactions.kinds import KIND_CHOICES

from .flows import manages


class AskForm(forms.Form):
    """Offers the tables of the accounts that `user` manages."""

    table = forms.ModelChoiceField(
        ProfileTable.objects.none(), empty_label=None, widget=forms.Select(attrs={"class": "form-select"})
    )
    kind = forms.ChoiceField(choices=KIND_CHOICES, widget=forms.Select(attrs={"class": "form-select"}))
    wish = forms.CharField(
        label="Wishes",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"class": "form-control", "rows": 5}),
        help_text="When the file should come, which attributes of the profile it should carry, on which server and in which folder.",
    )

    def __init__(self, data: Any, user: Any, initial: dict[str, Any]) -> None:
        super().__init__(data, initial=initial)
        managed = Member.objects.filter(user=user, role=Member.Role.MANAGER).values("account")
        accounts = Account.objects.visible_to(user).filter(pk__in=managed)
        self.fields["table"].queryset = ProfileTable.objects.filter(account__in=accounts).select_related("account")  # type: ignore[attr-defined]


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def ask(request: HttpRequest) -> HttpResponse:
    if not manages(request):
        raise PermissionDenied
    form = AskForm(request.POST or None, request.user, {"kind": request.GET.get("kind"), "table": request.GET.get("table")})
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data
        try:
            flow_requests.ask(chosen["table"], chosen["kind"], chosen["wish"], request.user)
        except FlowError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "Support has your request. The flow shows here once it is set up.")
            return redirect("flows")
    accounts = Account.objects.visible_to(request.user)
    asked = FlowRequest.objects.filter(profile_table__account__in=accounts).select_related("profile_table__account")[:50]
    return render(request, "pages/ask.html", {"form": form, "asked": asked})
