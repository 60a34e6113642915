"""1, 2 and 4 worker processes on Redis against one PostgreSQL and one shared folder of archives: 40 flows of 25,000 rows."""

from functools import partial

from .measure import Line, Pairs, in_turn
from .workers import stage, workers
from .workplace import Workplace

LINES = (
    Line("scaling_2", "40 flows of 25,000 rows each, 2 worker processes", "1 worker process", None),
    Line("scaling_4", "40 flows of 25,000 rows each, 4 worker processes", "1 worker process", None),
)
FLOWS = 40


def measure(work: Workplace) -> dict[str, Pairs]:
    with stage(work, "scaling") as (environment, actor):
        made = actor("bench.due_work:make_flows", count=FLOWS, rows=work.rows(25_000)).value

        def once(count: int) -> float:
            actor("bench.due_work:reset", count=FLOWS, lower=made["lower"])
            with workers(environment, count, actor):
                return actor("bench.due_work:due_flows", count=FLOWS).seconds

        found = in_turn(work.rounds, {str(count): partial(once, count) for count in (1, 2, 4)})
    return {"scaling_2": Pairs(found["2"], found["1"]), "scaling_4": Pairs(found["4"], found["1"])}
