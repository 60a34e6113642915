"""A warm process that is asked for one function call after the other, and answers with time, processor time and memory.

Both sides are such processes, so neither pays for its start-up. It needs nothing but the standard library, so that peers
that live in an environment of their own can be asked the same way.
"""

import importlib
import json
import os
import re
import sys
import time
import traceback
from pathlib import Path
from typing import Any


def peak() -> int:
    """The most resident memory of this process so far, in KiB."""
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found[1]) if found else 0


def answer(call: str, arguments: dict[str, Any]) -> dict[str, Any]:
    module, _, name = call.partition(":")
    function = getattr(importlib.import_module(module), name)
    cpu, start = time.process_time(), time.perf_counter()
    value = function(**arguments)
    return {
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - cpu,
        "peak": peak(),
        "value": value,
    }


def main() -> None:
    # Answers go to the standard output that was given; whatever else is printed goes to standard error.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if os.environ.get("DJANGO_SETTINGS_MODULE"):
        import django

        django.setup()
    for line in sys.stdin:
        question = json.loads(line)
        try:
            reply = answer(question["call"], question["arguments"])
        except Exception:
            reply = {"error": traceback.format_exc()}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
