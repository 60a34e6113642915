"""Concurrent writers of events, a process of their own: slow commits, rollbacks, savepoints, prepared transactions, long ones.

`python -m tests.chaos.writers SEED` writes until it gets SIGTERM; then every writer ends its transaction. A database that is
away is waited for. What counts afterwards is what the database holds, so nothing is noted here.
"""

import io
import random
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable

import django

stopping = threading.Event()


def load(chance: random.Random) -> None:
    """The product's own loading, within a transaction that commits late or not at all; now and then a large file."""
    from django.db import connection, transaction

    from flows.models import Flow
    from interactions.loading import load_events

    flow = chance.choice(list(Flow.objects.select_related("profile_table__account").order_by("pk")))
    large = chance.random() < 0.06
    rows = chance.randrange(8_000, 25_000) if large else chance.randrange(1, 300)
    kind = flow.definition
    moment = next(column.header for column in kind.columns if column.source == kind.moment)
    # Long texts that hardly compress, so that reading, compression and upload take their time.
    texts = [c.header for c in kind.columns if c.table.value == "e" and c.format.value == "text"][:1]
    names = [column.header for column in kind.columns if column.table.value == "e" and column.source != "id"]
    lines = [";".join(names)]
    for _ in range(rows):
        values = {"profileId": str(chance.randrange(1_000_000)), moment: "2026-11-20T10:00:00Z"}
        values |= {name: f"{chance.getrandbits(700):x}" if large else "a text" for name in texts}
        lines.append(";".join(values.get(name, "") for name in names))
    with transaction.atomic():
        load_events(flow.profile_table, kind, io.BytesIO(("\n".join(lines) + "\n").encode()), "chaos")
        if connection.vendor == "postgresql":  # SQLite has one writer; it must not keep the others waiting
            stopping.wait(chance.random() ** 2 * 3)
        if chance.random() < 0.15:
            transaction.set_rollback(True)


def insert(cursor, chance: random.Random, rows: int) -> None:
    from flows.models import Flow

    flow = chance.choice(list(Flow.objects.select_related("profile_table").order_by("pk")))
    kind = flow.definition
    cursor.execute(
        f"INSERT INTO {kind.model._meta.db_table} (profile_table_id, kind, profile_id, {kind.moment})"
        " SELECT %s, %s, number, now() FROM generate_series(1, %s) number",
        [flow.profile_table_id, kind.number, rows],
    )


def savepoints(chance: random.Random) -> None:
    """Parts of a transaction are rolled back, the rest is committed late."""
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        insert(cursor, chance, chance.randrange(1, 100))
        for _ in range(chance.randrange(1, 4)):
            with transaction.atomic():
                insert(cursor, chance, chance.randrange(1, 100))
                if chance.random() < 0.5:
                    transaction.set_rollback(True)
            stopping.wait(chance.random())
        if chance.random() < 0.15:
            transaction.set_rollback(True)


def prepared(chance: random.Random) -> None:
    """A transaction in two phases: it survives a crash of the server between them, and commits much later."""
    from django.db import connection

    name = uuid.uuid4().hex
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        try:
            insert(cursor, chance, chance.randrange(1, 200))
            cursor.execute("PREPARE TRANSACTION %s", [name])
        except Exception:
            cursor.execute("ROLLBACK")
            raise
        stopping.wait(chance.random() * 12)
        cursor.execute(f"{'COMMIT' if chance.random() < 0.8 else 'ROLLBACK'} PREPARED %s", [name])


def long(chance: random.Random) -> None:
    """A transaction that stays open over several exports, writing all the time."""
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        for _ in range(chance.randrange(3, 30)):
            insert(cursor, chance, chance.randrange(1, 20))
            if stopping.wait(1):
                break
        if chance.random() < 0.2:
            transaction.set_rollback(True)


def keep_on(write: Callable[[random.Random], None], seed: str) -> None:
    from django.db import Error, connection

    chance = random.Random(seed)
    while not stopping.is_set():
        try:
            write(chance)
        except Error as error:
            print(f"{write.__name__}: {str(error).splitlines()[0] if str(error) else type(error).__name__}", flush=True)
            connection.close()
            time.sleep(0.5)
        stopping.wait(chance.random() * 0.8)
    connection.close()


def main(seed: str) -> None:
    django.setup()
    from django.db import connection

    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    sorts = [load] if connection.vendor == "sqlite" else [load, load, savepoints, savepoints, prepared, prepared, long]
    connection.close()
    threads = [threading.Thread(target=keep_on, args=(sort, f"{seed} {number}")) for number, sort in enumerate(sorts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(sys.argv[1])
