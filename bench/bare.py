"""The portal's Celery app with one task more: the least that a task per file could do, one INSERT and one COPY."""

from django.db import connection

from actito_exports.celery import app


@app.task(name="bench.bare")
def bare(number: int) -> None:
    """Notes that it ran, and reads the table's rows."""
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY (SELECT * FROM interactions_emailevent WHERE profile_table_id = {number}) TO STDOUT") as copy:
            for _ in copy:
                pass
        cursor.execute("INSERT INTO bench_bare (number) VALUES (%s)", [number])


@app.task(name="bench.bare_all")
def bare_all(numbers: list[int]) -> None:
    for number in numbers:
        bare.delay(number)
