"""How values are shown: moments in an account's zone, sizes and counts, states as icon and word."""

from datetime import UTC, datetime, tzinfo
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

from flows.models import Delivery
from flows.pages.findings import findings
from flows.pages.health import tick_age
from flows.pages.states import STATES, State

register = template.Library()

DELIVERY_STATES: dict[str, State] = {
    Delivery.Status.WAITING: State("waiting", "Waiting", "idle", "clock", ""),
    Delivery.Status.RUNNING: State("running", "Sending", "busy", "send", ""),
    Delivery.Status.DELIVERED: State("delivered", "Delivered", "good", "check", ""),
    Delivery.Status.HELD: State("held", "Held", "warn", "pause", ""),
    Delivery.Status.CANCELLED: State("cancelled", "Cancelled", "idle", "cross", ""),
}
_DELAYED = State("delayed", "Delayed", "warn", "clock", "")
_UNITS = ("KiB", "MiB", "GiB", "TiB")


@register.inclusion_tag("pages/chip.html")
def state_chip(code: str) -> dict[str, State]:
    """A run's state, as annotated by `with_state`."""
    return {"state": STATES[code]}


@register.inclusion_tag("pages/chip.html")
def delivery_chip(delivery: Delivery) -> dict[str, State]:
    return {"state": _delivery_state(delivery)}


def _delivery_state(delivery: Delivery) -> State:
    waits_again = delivery.status == Delivery.Status.WAITING and delivery.failures > 0
    return _DELAYED if waits_again else DELIVERY_STATES[delivery.status]


def chip(code: str) -> SafeString:
    """A run's state for the lists of the admin."""
    return render_to_string("pages/chip.html", {"state": STATES[code]})


def delivery_state(delivery: Delivery) -> SafeString:
    return render_to_string("pages/chip.html", {"state": _delivery_state(delivery)})


@register.inclusion_tag("admin/health.html")
def health() -> dict[str, Any]:
    return {"findings": findings(), "tick_age": tick_age()}


@register.simple_tag
def moment(value: datetime | None, zone: tzinfo, seconds: bool = False) -> str | SafeString:
    """`value` in `zone`, with UTC for the pointer and for programs; nothing when there is none."""
    if value is None:
        return ""
    local = value.astimezone(zone)
    utc = value.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{} UTC">{} {} {}</time>',
        utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        utc.strftime("%Y-%m-%d %H:%M:%S"),
        local.day,
        local.strftime("%b %Y"),
        local.strftime("%H:%M:%S" if seconds else "%H:%M"),
    )


@register.filter
def count(value: int | None) -> str:
    """A whole number with its thousands apart: 1,234,567."""
    return "" if value is None else f"{value:,}"


@register.filter
def size(value: int | None) -> str:
    """Bytes in the largest unit that leaves at least one: 999 B, 1.5 KiB, 12.0 MiB."""
    if value is None:
        return ""
    if value < 1024:
        return f"{value} B"
    amount = float(value)
    for unit in _UNITS:
        amount /= 1024
        if amount < 1023.95 or unit == _UNITS[-1]:
            return f"{amount:,.1f} {unit}"
    return ""


@register.filter
def share(done: int, whole: int | None) -> int:
    """`done` of `whole` in percent, from 0 to 100."""
    return min(100, done * 100 // whole) if whole else 0


@register.filter
def label_for(field: Any) -> Any:
    """A form field's label element with Bootstrap's class."""
    return field.label_tag(attrs={"class": "form-label"}, label_suffix="")
