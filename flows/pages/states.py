"""The state of a run as a client understands it: the run's own status and that of its deliveries, in one word."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Case, CharField, Exists, OuterRef, QuerySet, Value, When

from flows.models import Delivery, Run


@dataclass(frozen=True)
class State:
    """A word for people; `tone` and `icon` name a style class and a symbol, so that colour never speaks alone."""

    code: str
    label: str
    tone: str
    icon: str
    sentence: str


STATES: dict[str, State] = {
    state.code: state
    for state in (
        State("delivered", "Delivered", "good", "check", "The file is on every server it goes to."),
        State("sending", "On its way", "busy", "send", "The file is made and is being sent."),
        State("delayed", "Delayed", "warn", "clock", "A try to send the file failed; the portal tries again by itself."),
        State("held", "Held", "warn", "pause", "Sending waits until a person has looked at it."),
        State("made", "Ready to download", "good", "download", "The file is made; it is sent to no server."),
        State("waiting", "Waiting", "idle", "clock", "The run is due and waits for its turn."),
        State("running", "Being made", "busy", "gear", "The file is being made."),
        State("empty", "Nothing new", "idle", "empty", "There were no new events, and this flow then sends no file."),
        State("covered", "Covered by a later run", "idle", "forward", "A later run's file holds these events."),
        State("paused", "Paused", "idle", "pause", "The flow is paused; support decides what becomes of this day's events."),
        State("skipped", "Left out", "idle", "forward", "By decision these events were left out of every file."),
        State("failed", "Failed", "bad", "cross", "The file could not be made. Support has been told, and no event is lost."),
        State("cancelled", "Cancelled", "idle", "cross", "Support has cancelled making or sending this file."),
    )
}
STATE_CHOICES = [(state.code, state.label) for state in STATES.values()]
# States that change by themselves, so that a page showing one asks again.
UNSETTLED = ("waiting", "running", "sending", "delayed")

_UNSENT = {Delivery.Status.WAITING, Delivery.Status.RUNNING}


def with_state(runs: QuerySet[Run]) -> QuerySet[Any]:
    """Annotates each run with `state`, a key of STATES. Of several deliveries, the one that most needs a look decides."""
    deliveries = Delivery.objects.filter(run=OuterRef("pk"))
    return runs.annotate(
        state=Case(
            When(status=Run.Status.WAITING, then=Value("waiting")),
            When(status=Run.Status.RUNNING, then=Value("running")),
            When(status=Run.Status.EMPTY, then=Value("empty")),
            When(status=Run.Status.COVERED, then=Value("covered")),
            When(status=Run.Status.PAUSED, then=Value("paused")),
            When(status=Run.Status.SKIPPED, then=Value("skipped")),
            When(status=Run.Status.CANCELLED, then=Value("cancelled")),
            When(status=Run.Status.FAILED, then=Value("failed")),
            When(Exists(deliveries.filter(status=Delivery.Status.HELD)), then=Value("held")),
            When(Exists(deliveries.filter(status__in=_UNSENT, failures__gt=0)), then=Value("delayed")),
            When(Exists(deliveries.filter(status__in=_UNSENT)), then=Value("sending")),
            When(Exists(deliveries.filter(status=Delivery.Status.CANCELLED)), then=Value("cancelled")),
            When(Exists(deliveries), then=Value("delivered")),
            default=Value("made"),
            output_field=CharField(),
        )
    )
