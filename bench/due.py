"""Many flows due at the same minute: cost per flow as their number grows, and against a bare Celery task; the tick alone."""

from contextlib import ExitStack
from functools import partial

from .measure import Line, Pairs, in_turn
from .workers import stage, workers
from .workplace import Workplace

LINES = (
    Line("due_growth", "10,000 flows due at once, 10 rows each, 2 workers: per flow", "1,000 such flows", 1.15),
    Line("due_bare", "the same, per flow", "a Celery task of one INSERT and one COPY", 3),
    Line("due_kept", "the same, per flow", "such a task that keeps its connection", None),
)
TICK = (Line("tick", "a tick with 100 flows due of 100,000", "of 1,000", 1.5),)
PEERS = {"growth": "few", "bare": "bare", "kept": "kept"}
WORKERS = 2
DUE = 100


def measure(work: Workplace) -> dict[str, Pairs]:
    many, few = work.rows(10_000), work.rows(1_000)
    with stage(work, "due") as (environment, actor):
        made = actor("bench.due_work:make_flows", count=many, rows=10).value

        def per_flow(count: int) -> float:
            actor("bench.due_work:reset", count=count, lower=made["lower"])
            with workers(environment, WORKERS, actor):
                return actor("bench.due_work:due_flows", count=count).seconds / count

        def per_task(name: str) -> float:
            with workers(environment, WORKERS, actor):
                return actor("bench.due_work:bare_tasks", numbers=made["tables"], name=f"bench.{name}").seconds / many

        contenders = {"few": partial(per_flow, few), "many": partial(per_flow, many)}
        contenders |= {name: partial(per_task, name) for name in ("bare", "kept")}
        found = in_turn(work.rounds, contenders)
    return {f"due_{line}": Pairs(found["many"], found[peer]) for line, peer in PEERS.items()}


def tick(work: Workplace) -> dict[str, Pairs]:
    counts = {"few": work.rows(1_000), "many": work.rows(100_000)}
    due = min(DUE, counts["few"])
    with ExitStack() as stack:
        actors = {}
        for label, count in counts.items():
            database = stack.enter_context(work.database(f"tick_{label}"))
            actors[label] = stack.enter_context(work.actor(work.settings(database)))
            actors[label]("bench.due_work:make_idle_flows", count=count)

        def once(label: str) -> float:
            actors[label]("bench.due_work:reset_tick", due=due)
            reply = actors[label]("bench.due_work:tick")
            assert reply.value == due, f"The tick opened {reply.value} runs instead of {due}."
            return reply.seconds

        for label in actors:
            once(label)
        found = in_turn(work.rounds * 5, {label: partial(once, label) for label in actors})
    return {"tick": Pairs(found["many"], found["few"])}
