"""What the commands share: finding what their arguments name, working in this process or through Celery, and telling the outcome."""

import json
from collections.abc import Iterable
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from . import delivery, history, pipeline, tasks
from .models import Delivery, Flow, Run


def flow_named(name: str) -> Flow:
    """The flow `account/table/kind`. Raises CommandError."""
    try:
        return Flow.objects.select_related("profile_table__account").named(name)
    except Flow.DoesNotExist:
        raise CommandError(f"There is no flow {name}. A flow is written account/table/kind.") from None


def run_numbered(number: int) -> Run:
    """Raises CommandError."""
    try:
        return Run.objects.select_related("flow__profile_table__account").get(pk=number)
    except Run.DoesNotExist:
        raise CommandError(f"There is no run {number}. `manage.py runs` lists them.") from None


def work(runs: Iterable[Run], *, queue: bool) -> list[Run]:
    """Executes each run and tries each of its deliveries once, here; with `queue` asks the workers to, and waits for nothing."""
    done = []
    for run in runs:
        if queue:
            tasks.execute_run.delay(run.pk)
        else:
            pipeline.execute(run.pk)
            run.refresh_from_db()
            deliver(run)
        done.append(run)
    return done


def deliver(run: Run) -> None:
    """Tries the run's deliveries now, and what waits before them for the same locations."""
    waiting = Delivery.objects.filter(location__in=run.deliveries.values("location"), status=Delivery.Status.WAITING)
    waiting.update(next_attempt_at=timezone.now())
    for server_id in sorted(set(run.deliveries.values_list("location__server", flat=True))):
        delivery.deliver_waiting(server_id)


def failed(run: Run) -> bool:
    """Whether the run, or a delivery of it, did not come through."""
    good = {Run.Status.DONE, Run.Status.EMPTY, Run.Status.COVERED}
    return run.status not in good or run.deliveries.exclude(status=Delivery.Status.DELIVERED).exists()


def tell(runs: list[Run], out: Any, *, as_json: bool, queued: bool = False) -> None:
    """Writes the runs to `out` as a table, or one JSON object a line. Unless they were only queued, raises CommandError when one failed."""
    facts = [history.as_dict(Run.objects.select_related("flow__profile_table__account").get(pk=run.pk)) for run in runs]
    if as_json:
        for fact in facts:
            out.write(json.dumps(fact, ensure_ascii=False) + "\n")
    else:
        Console(file=out, width=None if out.isatty() else 300).print(_table(facts))
    if queued:
        return
    faults = [_fault(fact) for run, fact in zip(runs, facts, strict=True) if failed(run)]
    if faults:
        raise CommandError("\n".join(faults))


def _table(facts: list[dict[str, Any]]) -> Table:
    table = Table("run", "flow", "status", "rows", "file", "deliveries")
    for fact in facts:
        sent = ", ".join(f"{entry['location']}: {entry['status']}" for entry in fact["deliveries"])
        table.add_row(str(fact["run"]), fact["flow"], fact["status"], str(fact["rows"] or 0), fact["file"] or "", sent)
    return table


def _fault(fact: dict[str, Any]) -> str:
    parts = [fact["error"]] if fact["error"] else []
    parts += [
        f"{entry['location']}: {entry['error'] or 'waiting; another worker or an earlier file of the flow comes first.'}"
        for entry in fact["deliveries"]
        if entry["status"] != Delivery.Status.DELIVERED
    ]
    return f"Run {fact['run']} of {fact['flow']} is {fact['status']}: " + ("; ".join(parts) or "another worker has it.")
