"""The form of a server. Its secrets go in and never come out: an empty field keeps what is stored, a tick removes it."""

from typing import Any

from cryptography import x509
from django import forms

from . import hostkeys, keys
from .models import Location, Server
from .secrets import Secret, SecretError

SECRETS = ("password", "private_key", "passphrase")


class WriteOnlyTextarea(forms.Textarea):
    """Never shows what was typed, not even when the form comes back with an error."""

    def format_value(self, value: Any) -> None:
        return None


def _hidden_line() -> forms.PasswordInput:
    return forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password", "class": "vTextField"})


class ServerForm(forms.ModelForm):  # type: ignore[type-arg]
    new_password = forms.CharField(label="Password", required=False, strip=False, widget=_hidden_line())
    clear_password = forms.BooleanField(label="Remove the stored password", required=False)
    new_private_key = forms.CharField(
        label="Private key",
        required=False,
        widget=WriteOnlyTextarea(attrs={"rows": 4, "class": "vLargeTextField", "autocomplete": "off", "spellcheck": "false"}),
    )
    clear_private_key = forms.BooleanField(label="Remove the stored private key", required=False)
    new_passphrase = forms.CharField(label="Passphrase", required=False, strip=False, widget=_hidden_line())
    clear_passphrase = forms.BooleanField(label="Remove the stored passphrase", required=False)

    class Meta:
        model = Server
        exclude = SECRETS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in SECRETS:
            if f"new_{name}" in self.fields:
                stored = bool(self.instance.pk and getattr(self.instance, name))
                word = "One is stored; leave empty to keep it." if stored else "None is stored."
                meaning = getattr(Server._meta.get_field(name), "help_text", "")
                self.fields[f"new_{name}"].help_text = f"{word} {meaning}".strip()

    def clean_host_keys(self) -> str:
        try:
            return "\n".join(hostkeys.lines(self.cleaned_data["host_keys"]))
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None

    def clean_ca_certificate(self) -> str:
        text = str(self.cleaned_data["ca_certificate"]).strip()
        if text:
            try:
                x509.load_pem_x509_certificates(text.encode())
            except ValueError:
                raise forms.ValidationError(
                    "This is no certificate in PEM format. Enter the whole text, from -----BEGIN CERTIFICATE----- on."
                ) from None
        return text

    def clean(self) -> dict[str, Any] | None:
        data = super().clean()
        for name in SECRETS:
            entered = self.cleaned_data.get(f"new_{name}")
            if entered:
                setattr(self.instance, name, Secret.of(entered))
            elif self.cleaned_data.get(f"clear_{name}"):
                setattr(self.instance, name, Secret())
        self._check_key()
        return data

    def _check_key(self) -> None:
        """The private key must open with the passphrase; its public half is kept for the server's people."""
        if not {"new_private_key", "clear_private_key", "new_passphrase", "clear_passphrase"} & set(self.changed_data):
            return
        try:
            text, passphrase = (Secret.reveal(_secret(self.instance, name)) for name in ("private_key", "passphrase"))
            self.instance.public_key = keys.public_line(text, passphrase) if text else ""
        except (keys.KeyRefused, SecretError) as error:
            self.add_error("new_private_key", str(error))


def _secret(server: Server, name: str) -> Secret:
    value = getattr(server, name)
    return value if isinstance(value, Secret) else Secret.of(str(value or ""))


class LocationForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Location
        fields = "__all__"
        widgets = {"folder": forms.TextInput(attrs={"class": "vTextField"})}
