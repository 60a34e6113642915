"""The portal's Celery app with tasks of the bench's own: the least that a task per file could do, one INSERT and one COPY.

`bare` opens its connection and closes it, as psycopg's manual shows it and as Celery does it in a Django project that sets
nothing; `kept` uses one connection for all tasks of the process.
"""

import os
from functools import cache

import psycopg

from actito_exports.celery import app


@app.task(name="bench.bare")
def bare(number: int) -> None:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as link:
        _work(link, number)


@app.task(name="bench.kept")
def kept(number: int) -> None:
    _work(_link(), number)


@app.task(name="bench.all")
def send_all(name: str, numbers: list[int]) -> None:
    """Sends a task for each number, from a worker, as the tick sends its own."""
    for number in numbers:
        app.send_task(name, (number,))


@cache
def _link() -> psycopg.Connection:
    return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)


def _work(link: psycopg.Connection, number: int) -> None:
    """Notes that it ran, and reads the table's rows."""
    with link.cursor() as cursor:
        with cursor.copy(f"COPY (SELECT * FROM interactions_emailevent WHERE profile_table_id = {number}) TO STDOUT") as copy:
            for _ in copy:
                pass
        cursor.execute("INSERT INTO bench_bare (number) VALUES (%s)", [number])
