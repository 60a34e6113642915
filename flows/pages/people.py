"""Coming in and going out: where a person lands, and the change of a password."""

from django.contrib import messages
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.views import LoginView, PasswordChangeView
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.views.decorators.http import require_safe

_CONTROL = {"class": "form-control"}


def _styled(form: Form) -> None:
    for field in form.fields.values():
        field.widget.attrs.update(_CONTROL)


class LoginForm(AuthenticationForm):
    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        _styled(self)


class NewPasswordForm(PasswordChangeForm):
    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        _styled(self)


class Login(LoginView):
    template_name = "pages/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True


class Password(PasswordChangeView):
    template_name = "pages/password.html"
    form_class = NewPasswordForm
    success_url = reverse_lazy("history")

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        messages.success(self.request, "Your password is changed.")
        return super().form_valid(form)


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return redirect("history")
