"""Loading and exporting take the same memory whatever the number of events; each measure is a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from interactions.models import SmsEvent

ROOT = Path(__file__).parents[2]
MIB = 1024


def peaks(rows, tmp_path):
    """Peak memory, in MiB, after loading and after exporting that many events."""
    if connection.vendor == "postgresql":
        own = connection.get_connection_params()
        url = f"postgres://{own['user']}:{own.get('password', '')}@{own['host']}:{own['port']}/{own['dbname']}"
    else:
        url = f"sqlite:///{tmp_path}/portal.sqlite3"
    environment = {**os.environ, "DATABASE_URL": url, "DATA_DIR": str(tmp_path), "DEBUG": "1"}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
    command = [sys.executable, "-m", "tests.interactions.measure", str(rows)]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    return [int(number) / MIB for number in done.stdout.split()]


@pytest.fixture
def few(transactional_db, tmp_path):
    return peaks(10_000, tmp_path)


@pytest.mark.parametrize("rows", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_memory_does_not_grow_with_the_events(few, rows, tmp_path):
    many = peaks(rows, tmp_path)
    assert many[0] - few[0] < 40
    assert many[1] - few[1] < 40
    if connection.vendor == "postgresql":
        assert SmsEvent.objects.count() == rows + 10_000
