"""Whether one account's exports, large or many, hold up another's small one: its wait with and without them.

EXPORTS_PER_ACCOUNT is 1, as in the unit file of the workers.
"""

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
    Line("fairness_many", "the same while it has 10,000 flows of 10 rows due", "without them", 1.0, difference=True),
)
BIG = 4


def measure(work: Workplace) -> dict[str, Pairs]:
    with stage(work, "fairness", EXPORTS_PER_ACCOUNT="1") as (environment, actor):
        big = actor("bench.data:make_clicks", account="big", name="customers", rows=work.rows(5_000_000), profiles=1000).value
        small = actor("bench.data:make_clicks", account="small", name="customers", rows=10, profiles=10).value
        flows = work.rows(10_000)
        many = actor("bench.due_work:make_flows", count=flows, rows=10, per_account=flows).value
        actor("bench.data:tidy", table="interactions_emailevent")

        def wait(beside: str = "") -> float:
            actor("bench.due_work:forget_runs")
            with workers(environment, 2, actor):
                actor("bench.due_work:small_run", flow=small["flow"], lower=small["lower"])
                if beside == "big":
                    actor("bench.due_work:start_big", flow=big["flow"], count=BIG)
                if beside == "many":
                    actor("bench.due_work:start_many", tables=many["tables"], lower=many["lower"])
                return actor("bench.due_work:small_run", flow=small["flow"], lower=small["lower"]).seconds

        found = in_turn(work.rounds, {"alone": wait, "big": lambda: wait("big"), "many": lambda: wait("many")})
    return {"fairness": Pairs(found["big"], found["alone"]), "fairness_many": Pairs(found["many"], found["alone"])}
