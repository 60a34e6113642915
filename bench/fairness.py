"""Whether one account's large exports hold up another's small one: its wait with and without them, EXPORTS_PER_ACCOUNT being 1."""

from .measure import Line, Pairs, in_turn
from .workers import stage, workers
from .workplace import Workplace

LINES = (
    Line(
        "fairness",
        "wait of a flow of 10 rows while another account has 4 exports of 5 M rows due, 2 workers",
        "without them",
        1.0,
        difference=True,
    ),
)
BIG = 4


def measure(work: Workplace) -> dict[str, Pairs]:
    with stage(work, "fairness", EXPORTS_PER_ACCOUNT="1") as (environment, actor):
        big = actor("bench.data:make_clicks", account="big", name="customers", rows=work.rows(5_000_000), profiles=1000).value
        small = actor("bench.data:make_clicks", account="small", name="customers", rows=10, profiles=10).value
        actor("bench.data:tidy", table="interactions_emailevent")

        def wait(beside_big: bool) -> float:
            actor("bench.due_work:forget_runs")
            with workers(environment, 2, actor):
                actor("bench.due_work:small_run", flow=small["flow"], lower=small["lower"])
                if beside_big:
                    actor("bench.due_work:start_big", flow=big["flow"], count=BIG)
                return actor("bench.due_work:small_run", flow=small["flow"], lower=small["lower"]).seconds

        found = in_turn(work.rounds, {"alone": lambda: wait(False), "beside": lambda: wait(True)})
    return {"fairness": Pairs(found["beside"], found["alone"])}
