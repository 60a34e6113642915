"""Makes many flows, sends them to workers, and waits for their files. Runs in an actor with Django."""

import shutil
import time as clock
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from accounts.models import Account, ProfileTable
from actito_exports.celery import app
from flows import reruns, schedule, tasks
from flows.models import Flow, Run
from interactions import position
from interactions.kinds import KINDS
from interactions.models import Campaign

from . import bare
from .data import CLICK, add_interleaved, long_ago, run_sql, tidy

# How often the end is looked for, in seconds.
GLANCE = 0.05
PATIENCE = 3600


def prepare() -> None:
    run_sql("CREATE TABLE bench_bare (id bigserial PRIMARY KEY, number bigint NOT NULL)")


def make_flows(count: int, rows: int, per_account: int = 10) -> dict[str, Any]:
    """Flows of as many profile tables, so many tables an account, each with as many new clicks and ten profiles."""
    zone = {"time_zone": "Europe/Brussels"}
    accounts = Account.objects.bulk_create(
        Account(name=f"agency-{n}", label=f"Agency {n}", **zone) for n in range(max(count // per_account, 1))
    )
    Campaign.objects.bulk_create(
        Campaign(account=account, campaign_id=n, name=f"Campaign {n}", type="ONE_SHOT")
        for account in accounts
        for n in range(1, 101)
    )
    tables = ProfileTable.objects.bulk_create(
        ProfileTable(account=accounts[n % len(accounts)], name=f"table-{n}") for n in range(count)
    )
    numbers = [table.pk for table in tables]
    run_sql(
        "INSERT INTO interactions_profile (profile_table_id, profile_id, business_key, attributes)"
        " SELECT t.id, g, 'customer-' || g, '{}' FROM unnest(%s::bigint[]) t (id), generate_series(1, 10) g",
        [numbers],
    )
    lower = position.current()
    add_interleaved("interactions_emailevent", numbers, rows, 10, 0)
    Flow.objects.bulk_create(_flow(table, CLICK.code, lower) for table in tables)
    for name in ("interactions_emailevent", "interactions_profile", "interactions_campaign", "flows_flow"):
        tidy(name)
    return {"tables": numbers, "lower": lower}


def _flow(table: ProfileTable, kind: str, lower: str) -> Flow:
    """One that was activated two days ago; its launch time is an hour before now, so that it can be due."""
    return Flow(
        profile_table=table,
        kind=kind,
        launch_time=_due_time(),
        position=lower,
        active_since=datetime.now(UTC) - timedelta(days=2),
    )


def _due_time() -> time:
    from zoneinfo import ZoneInfo

    return (datetime.now(ZoneInfo("Europe/Brussels")) - timedelta(hours=1)).time().replace(second=0, microsecond=0)


def reset(count: int, lower: str) -> None:
    """Forgets all runs and their archives, and makes the first `count` flows due again."""
    run_sql("TRUNCATE flows_run, flows_delivery")
    shutil.rmtree(settings.DATA_DIR / "archives", ignore_errors=True)
    Flow.objects.update(active=False, next_launch_at=None, position=lower, sequence=0)
    chosen = list(Flow.objects.order_by("pk").values_list("pk", flat=True)[:count])
    Flow.objects.filter(pk__in=chosen).update(active=True, next_launch_at=long_ago())
    for name in ("flows_flow", "flows_run"):
        tidy(name)


def due_flows(count: int) -> None:
    """The tick, as beat sends it, until every file is stored."""
    tasks.tick.delay()
    _wait(lambda: Run.objects.filter(status=Run.Status.DONE).count() == count)


def bare_tasks(numbers: list[int], name: str = "bench.bare") -> None:
    """As many of the bench's own tasks, sent from a worker as the tick sends its own, until all have run."""
    run_sql("TRUNCATE bench_bare")
    bare.send_all.delay(name, numbers)
    _wait(lambda: _count("SELECT count(*) FROM bench_bare") == len(numbers))


def _count(text: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(text)
        return int(cursor.fetchone()[0])


def _wait(done: Any) -> None:
    end = clock.monotonic() + PATIENCE
    while not done():
        if clock.monotonic() > end:
            raise TimeoutError("The workers did not get through.")
        clock.sleep(GLANCE)


def empty_queue() -> None:
    """Takes back what no worker has begun."""
    app.control.purge()


# --- The tick alone ---------------------------------------------------------------------------------------------


def make_idle_flows(count: int) -> None:
    """Flows of all kinds without events, none of them due."""
    kinds = list(KINDS)
    account = Account.objects.create(name="acme", label="Acme", time_zone="Europe/Brussels")
    tables = ProfileTable.objects.bulk_create(
        ProfileTable(account=account, name=f"table-{n}") for n in range(-(-count // len(kinds)))
    )
    lower = position.current()
    later = datetime.now(UTC) + timedelta(hours=20)
    flows = [_flow(tables[n // len(kinds)], kinds[n % len(kinds)], lower) for n in range(count)]
    for flow in flows:
        flow.active, flow.next_launch_at = True, later
    Flow.objects.bulk_create(flows, batch_size=2000)
    tidy("flows_flow")


def reset_tick(due: int) -> None:
    """Forgets all runs, and makes as many flows due."""
    run_sql("TRUNCATE flows_run, flows_delivery")
    later = datetime.now(UTC) + timedelta(hours=20)
    Flow.objects.filter(next_launch_at__gt=later).update(next_launch_at=later)
    chosen = list(Flow.objects.order_by("pk").values_list("pk", flat=True)[:due])
    Flow.objects.filter(pk__in=chosen).update(next_launch_at=long_ago())


def tick() -> int:
    return len(schedule.tick())


# --- Fairness -----------------------------------------------------------------------------------------------------


def start_big(flow: int, count: int) -> None:
    """Asks for files of all the flow's clicks, and waits until one is being made."""
    chosen = Flow.objects.get(pk=flow)
    for day in range(count):
        start = datetime(2026, 1, 1 + day, tzinfo=UTC)
        reruns.export_range(chosen, start, datetime(2027, 1, 1, tzinfo=UTC))
    tasks.send_hints()
    _wait(lambda: Run.objects.filter(status=Run.Status.RUNNING).exists())
    clock.sleep(1)


def start_many(tables: list[int], lower: str) -> None:
    """Makes the flows of these tables due."""
    Flow.objects.filter(profile_table__in=tables).update(active=True, next_launch_at=long_ago(), position=lower, sequence=0)
    assert len(schedule.tick()) == len(tables)


def small_run(flow: int, lower: str) -> None:
    """Makes the small flow due, and waits for its file."""
    Run.objects.filter(flow=flow).delete()
    Flow.objects.filter(pk=flow).update(position=lower, sequence=0)
    run = schedule.open_manual(Flow.objects.get(pk=flow))
    tasks.send_hints()
    _wait(lambda: Run.objects.filter(pk=run.pk, status=Run.Status.DONE).exists())


def forget_runs() -> None:
    run_sql("TRUNCATE flows_run, flows_delivery")
    shutil.rmtree(settings.DATA_DIR / "archives", ignore_errors=True)
    shutil.rmtree(settings.WORK_DIR, ignore_errors=True)
