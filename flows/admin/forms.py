"""The form of a flow, which refuses file names that could meet on a server, and that of a date range."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone

from flows.clashes import clash
from flows.models import Flow
from transfers.models import Location


def untested(locations: Iterable[Location]) -> str | None:
    """A sentence when a flow may not be activated with these locations yet, else None."""
    names = ", ".join(str(location) for location in locations if not location.trusted)
    if not names:
        return None
    return (
        f"No connection test has been passed with the present settings: {names}. Press “Test connection” at the location, "
        "or tick “Accept untested” there to go without."
    )


class FlowForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Flow
        exclude = ("enrichment",)

    def clean(self) -> dict[str, Any] | None:
        super().clean()
        data = self.cleaned_data
        flow = Flow(
            pk=self.instance.pk,
            profile_table=data.get("profile_table") or self._own("profile_table"),
            kind=data.get("kind") or self.instance.kind,
            file_name=data.get("file_name", ""),
        )
        locations = data.get("locations")
        if flow.profile_table_id and flow.kind and flow.file_name and locations is not None:
            foreign = [location.name for location in locations if location.account_id != flow.profile_table.account_id]
            if foreign:
                self.add_error("locations", f"{', '.join(foreign)}: these locations belong to another account than the table.")
            elif sentence := clash(flow, locations.select_related("server")):
                self.add_error("file_name", sentence)
            if data.get("active") and (sentence := untested(self._new(locations.select_related("account", "server")))):
                self.add_error("locations", sentence)
        return data

    def _new(self, locations: Iterable[Location]) -> list[Location]:
        """The locations that files start to go to with this form: those added, or all when the flow is activated."""
        known = set(self.instance.locations.all()) if self.instance.pk and self.instance.active else set()
        return [location for location in locations if location not in known]

    def _own(self, name: str) -> Any:
        return getattr(self.instance, name) if self.instance.pk else None


def _moment(label: str, meaning: str) -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"type": "datetime-local", "step": 1}, format="%Y-%m-%dT%H:%M:%S")
    return forms.DateTimeField(label=label, help_text=meaning, widget=widget)


class RangeForm(forms.Form):
    """A range in the account's zone."""

    start = _moment("From", "Events of this moment and later.")
    end = _moment("To", "Events before this moment.")
    deliver = forms.BooleanField(
        label="Send it to the flow's locations",
        required=False,
        initial=True,
        help_text="Off: the file is only kept for download.",
    )

    def __init__(self, data: Any, flow: Flow) -> None:
        self.zone = flow.account.zone
        super().__init__(data)

    def full_clean(self) -> None:
        with timezone.override(self.zone):
            super().full_clean()

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        return self.cleaned_data["start"], self.cleaned_data["end"]
