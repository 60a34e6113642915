"""Celery's doors: each calls one function. Messages are hints; what a lost one asked for, the next round asks again."""

from celery import shared_task
from django.db.models import Q
from django.utils import timezone

from . import claims, delivery, hosted, pipeline, recovery, retention, schedule, watch
from .claims import HINT_AGAIN
from .models import Delivery, Run

BATCH = 1000


@shared_task(name="flows.tasks.tick")
def tick() -> None:
    schedule.tick()
    send_hints()


@shared_task(name="flows.tasks.execute_run")
def execute_run(run_id: int) -> None:
    run = pipeline.execute(run_id)
    if run is not None and claims.limited():
        send_run_hints(1, after=run)
    if run is not None and run.status == Run.Status.DONE:
        for server_id in run.deliveries.order_by().values_list("location__server", flat=True).distinct():
            deliver_server.delay(server_id)


@shared_task(name="flows.tasks.deliver_server")
def deliver_server(server_id: int) -> None:
    delivery.deliver_waiting(server_id)


@shared_task(name="flows.tasks.recover")
def recover() -> None:
    recovery.recover()
    send_hints()


@shared_task(name="flows.tasks.purge")
def purge() -> None:
    # First what the clients have taken, so that nobody is warned of it; then what is past its days.
    hosted.look()
    hosted.warn()
    retention.purge()


@shared_task(name="flows.tasks.watch")
def watch_task() -> None:
    watch.report()


def send_hints() -> None:
    """Asks workers to take what is due and was not asked for lately."""
    while send_run_hints(BATCH):
        pass
    now = timezone.now()
    unasked = Q(queued_at=None) | Q(queued_at__lt=now - HINT_AGAIN)
    waiting = Delivery.objects.filter(unasked, status=Delivery.Status.WAITING, next_attempt_at__lte=now)
    for server_id in list(waiting.order_by().values_list("location__server", flat=True).distinct()):
        if waiting.filter(location__server=server_id).update(queued_at=now):
            deliver_server.apply_async((server_id,), expires=HINT_AGAIN.seconds)


def send_run_hints(most: int, after: Run | None = None) -> int:
    """Asks workers to take the runs whose turn it is, at most so many, after that one if it has just ended; returns how many."""
    chosen = claims.choose(most, after)
    for run_id in chosen:
        execute_run.apply_async((run_id,), expires=HINT_AGAIN.seconds)
    return len(chosen)
