"""PostgreSQL: transactions that commit late, roll back or wait prepared; every event is in one window, once."""

import itertools
import random
import threading
import time

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from interactions import position
from tests.factories import make_table

from .exporting import export

pytestmark = [
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time"),
    pytest.mark.django_db(transaction=True),
]
INSERT = "INSERT INTO interactions_smsevent (profile_table_id, kind, gsm_number) VALUES (%s, 10, %s)"


@pytest.fixture
def table():
    return make_table()


@pytest.fixture
def connect():
    """A function that opens a connection of its own to the test database."""
    links = []

    def open_link(**options):
        own = connection.get_connection_params()
        link = psycopg.connect(
            **{key: own[key] for key in ("dbname", "user", "host", "port", "password") if key in own}, **options
        )
        links.append(link)
        return link

    yield open_link
    for link in links:
        link.close()


def texts(table, lower, upper):
    lines = export("sms_delivered", table, lower=lower, upper=upper).decode().splitlines()[1:]
    return [line.split(";")[6] for line in lines]


def test_a_transaction_open_at_the_boundary_is_in_the_file_after_its_commit(table, connect):
    early, late = connect(), connect(autocommit=True)
    start = position.current()
    early.execute(INSERT, [table.pk, "slow"])
    late.execute(INSERT, [table.pk, "fast"])
    first = position.current()
    assert texts(table, start, first) == ["fast"]
    second = position.current()
    assert texts(table, first, second) == []
    early.commit()
    assert texts(table, first, second) == []
    third = position.current()
    assert texts(table, second, third) == ["slow"]
    assert texts(table, start, first) == ["fast"]
    assert sorted(texts(table, start, third)) == ["fast", "slow"]


def test_a_transaction_open_across_three_exports_is_in_the_fourth_file(table, connect):
    slow, quick = connect(), connect(autocommit=True)
    bounds = [position.current()]
    slow.execute(INSERT, [table.pk, "first of the slow"])
    for number in range(3):
        quick.execute(INSERT, [table.pk, f"quick {number}"])
        bounds.append(position.current())
    slow.execute(INSERT, [table.pk, "last of the slow"])
    slow.commit()
    bounds += [position.current(), position.current()]
    files = [texts(table, lower, upper) for lower, upper in itertools.pairwise(bounds)]
    assert files == [["quick 0"], ["quick 1"], ["quick 2"], ["first of the slow", "last of the slow"], []]


def test_savepoints_belong_to_their_transaction(table, connect):
    link = connect()
    start = position.current()
    link.execute(INSERT, [table.pk, "before"])
    link.execute("SAVEPOINT one")
    link.execute(INSERT, [table.pk, "kept"])
    link.execute("RELEASE SAVEPOINT one")
    link.execute("SAVEPOINT two")
    link.execute(INSERT, [table.pk, "undone"])
    link.execute("ROLLBACK TO SAVEPOINT two")
    middle = position.current()
    link.commit()
    end = position.current()
    assert texts(table, start, middle) == []
    assert texts(table, middle, end) == ["before", "kept"]


def test_what_is_rolled_back_is_in_no_file(table, connect):
    link = connect()
    start = position.current()
    link.execute(INSERT, [table.pk, "undone"])
    middle = position.current()
    link.rollback()
    assert texts(table, start, middle) == []
    assert texts(table, middle, position.current()) == []


def test_a_prepared_transaction_is_in_the_file_after_its_commit(table, connect):
    link = connect(autocommit=True)
    if link.execute("SHOW max_prepared_transactions").fetchone() == ("0",):
        pytest.skip("the server allows no prepared transactions")
    start = position.current()
    link.execute("BEGIN")
    link.execute(INSERT, [table.pk, "prepared"])
    link.execute("PREPARE TRANSACTION 'late'")
    middle = position.current()
    link.execute("COMMIT PREPARED 'late'")
    assert texts(table, start, middle) == []
    assert texts(table, middle, position.current()) == ["prepared"]


def test_many_writers_and_windows_lose_and_double_nothing(table, connect):
    written, lock, stop = set(), threading.Lock(), threading.Event()

    def write(seed):
        chance, link = random.Random(seed), connect()
        for number in range(60):
            names = [f"{seed}-{number}-{part}" for part in range(chance.randint(1, 4))]
            for name in names:
                link.execute(INSERT, [table.pk, name])
                time.sleep(chance.random() * 0.004)
            if chance.random() < 0.15:
                link.rollback()
            else:
                link.commit()
                with lock:
                    written.update(names)

    lower = position.current()
    positions, found = [lower], []
    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(6)]
    for writer in writers:
        writer.start()
    while not stop.is_set():
        if not any(writer.is_alive() for writer in writers):
            stop.set()
        positions.append(position.current())
        found.append(texts(table, positions[-2], positions[-1]))
    everything = [name for names in found for name in names]
    assert len(everything) == len(set(everything))
    assert set(everything) == written
    assert len([names for names in found if names]) > 10
    again = [texts(table, *window) for window in itertools.pairwise(positions)]
    assert again == found


def test_the_settings_of_an_export_end_with_it(table):
    with connection.cursor() as cursor:
        cursor.execute("SHOW work_mem")
        before = cursor.fetchone()
        assert before != (settings.EXPORT_WORK_MEM,)
        export("sms_delivered", table)
        cursor.execute("SHOW work_mem")
        assert cursor.fetchone() == before
