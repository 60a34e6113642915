"""Loading a file of 1 M clicks against a raw `COPY FROM` of the same rows into the same table with its indexes."""

from .cluster import programs
from .exporting import clicks
from .measure import Line, Pairs, in_turn, shell
from .workplace import Workplace

LINES = (
    Line(
        "loading", "loading a file of 1 M clicks, each cell checked", "raw `COPY FROM` into the same table with its indexes", 1.5
    ),
)

COLUMNS = (
    "profile_table_id", "kind", "profile_id", "campaign_id", "email_address", "sending_moment", "click_moment", "link_name",
    "url", "device", "user_agent",
)  # fmt: skip


def measure(work: Workplace) -> dict[str, Pairs]:
    with work.database("loading") as name, work.actor(work.settings(name)) as actor:
        made = clicks(work, actor, work.rows(1_000_000))
        psql = f"{programs() / 'psql'} {work.url(name)} -qX -v ON_ERROR_STOP=1"
        contract, raw = work.folder / "clicks.csv", work.folder / "raw.csv"
        # The product's file is one that the product has written; the raw one has the table's own columns.
        head = ";".join(actor("bench.product:header_of", flow=made["flow"]).value)
        script = work.folder / "contract.sql"
        script.write_text(actor("bench.product:statement", flow=made["flow"], lower=made["lower"]).value, encoding="utf-8")
        shell(f"echo '{head}' > {contract}; {psql} -f {script} >> {contract}", work.environment)
        names = ", ".join(COLUMNS)
        where = f"profile_table_id = {made['table']}"
        copy = f"COPY (SELECT {names} FROM interactions_emailevent WHERE {where} ORDER BY id) TO STDOUT (FORMAT csv)"
        shell(f"{psql} -c '{copy}' > {raw}", work.environment)

        def loaded() -> float:
            work.psql("TRUNCATE interactions_emailevent", name)
            reply = actor("bench.product:load", table=made["table"], path=str(contract))
            assert reply.value == made["rows"], f"{reply.value} rows were loaded instead of {made['rows']}."
            return reply.seconds

        def copied() -> float:
            work.psql("TRUNCATE interactions_emailevent", name)
            return shell(f"{psql} -c '\\copy interactions_emailevent ({names}) FROM {raw} (FORMAT csv)'", work.environment)

        found = in_turn(work.rounds, {"product": loaded, "copy": copied})
    return {"loading": Pairs(found["product"], found["copy"])}
