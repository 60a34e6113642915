"""Run as a process of its own: loads a file of N delivered SMS and exports it; prints the peak memory of each in KiB.

Arguments: N. The database is the one in the environment; its tables must be there.
"""

import io
import os
import resource
import sys
import tempfile
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "actito_exports.settings")
django.setup()

from interactions import position  # noqa: E402
from interactions.kinds import KINDS  # noqa: E402
from interactions.loading import load_events  # noqa: E402
from interactions.rows import Rows, Selection  # noqa: E402
from tests.factories import make_account, make_table  # noqa: E402


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def write(path, rows):
    with path.open("w") as file:
        file.write("profileId;campaignId;gsmNumber;sendingMoment;deliveryMoment\n")
        for number in range(rows):
            file.write(f'{number};;"+32 ""{number:012}""";2026-11-23T07:15:00Z;2026-11-{number % 20 + 1:02}T07:15:00Z\n')


def main(rows):
    table = make_table(make_account(f"memory{rows}"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.csv"
        write(path, rows)
        with path.open("rb", buffering=io.DEFAULT_BUFFER_SIZE) as stream:
            assert load_events(table, KINDS["sms_delivered"], stream, "events.csv") == rows
    loaded = peak()
    file = Rows(Selection(KINDS["sms_delivered"], table, [], "local", table.account.zone, upper=position.current()))
    assert sum(map(len, file.blocks())) > rows * 60
    assert file.count == rows
    print(loaded, peak())


main(int(sys.argv[1]))
