"""The short versions of `make chaos`: faults of every sort, on PostgreSQL and in the embedded default, and an exact result."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.__main__ import missing as absent
from tests.chaos.faults import draw
from tests.servers import missing

ROOT = Path(__file__).resolve().parents[2]
HELD = "0 lost, 0 doubled, 0 half files under a final name, 0 stuck, every chain unbroken, reconciled."


def chaos(*arguments):
    """Runs a world in processes of its own, which sets up a database and an environment for itself."""
    if os.geteuid() != 0 or absent("--embedded" in arguments):
        missing("Root, sshd, vsftpd or redis-server")
    # `timeout` ends it by SIGTERM, so that it stops what it has started.
    command = ["timeout", "600", sys.executable, "-m", "tests.chaos", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == HELD
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(660)
def test_nothing_is_lost_or_doubled_whatever_dies():
    told = chaos("--seed", "11", "--days", "7", "--day-seconds", "9")
    assert "seed 11: 45 flows, 7 days" in told
    assert "PostgreSQL stopped at once and started anew" in told


@pytest.mark.slow
@pytest.mark.timeout(660)
def test_nothing_is_lost_or_doubled_in_the_embedded_default():
    assert "seed 5: 6 flows, 3 days" in chaos("--seed", "5", "--days", "3", "--day-seconds", "8", "--embedded")


def test_the_same_seed_draws_the_same_faults_and_every_sort_in_turn():
    sorts = [f"sort {number}" for number in range(24)]
    drawn = draw(7, 30, sorts)
    assert drawn == draw(7, 30, sorts)
    assert drawn != draw(8, 30, sorts)
    assert len(drawn) == 90
    assert [sorted(fault.sort for fault in drawn[:24]), drawn[-1].day] == [sorted(sorts), 30]
    assert sorted(fault.sort for fault in draw(7, 4, sorts)[:24]) == sorted(sorts)
