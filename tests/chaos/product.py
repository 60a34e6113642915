"""Runs a process of the product under the simulated clock: `python -m tests.chaos.product CLOCK_FILE celery …`, or `manage.py …`.

Nothing of the product is changed: the process is the real one, with its clock set forward as the world's days pass.
"""

import sys
from pathlib import Path

from tests.chaos.clock import Clock


def main() -> None:
    Clock(Path(sys.argv[1]))
    del sys.argv[:2]
    if sys.argv[0] == "celery":
        from celery.__main__ import main as celery

        celery()
    else:
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
