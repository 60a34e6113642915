"""A worker process that is struck by a signal at a boundary of the work, as a debugger's breakpoint would stop it there.

`python -m tests.flows.struck_worker BOUNDARY SIGNAL run|server NUMBER` does in a process of its own what the Celery task of
that name does. The boundary is a function of the product, called as ever; only this process is struck before or after it.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import django

# boundary -> module, function, and when: before it, after it, or inside, at the given call or item
BOUNDARIES: dict[str, tuple[str, str, str, int]] = {
    "before the claim of the run": ("flows.pipeline", "claim", "before", 1),
    "after the claim of the run": ("flows.pipeline", "fix_window", "before", 1),
    "in reading the rows": ("interactions.rows", "Rows.blocks", "item", 3),
    "in compression": ("flows.archive", "deflated", "item", 1),
    "after the writing": ("flows.archive", "write", "after", 1),
    "after storing": ("flows.archives", "store", "after", 1),
    "inside the record's transaction": ("flows.pipeline", "open_deliveries", "after", 1),
    "after the record": ("flows.pipeline", "record", "after", 1),
    "before the claim of the delivery": ("flows.delivery", "claim", "before", 1),
    "after the claim of the delivery": ("flows.delivery", "attempt", "before", 1),
    "in upload": ("transfers.upload", "Transmission.read", "before", 2),
    "between upload and size check": ("transfers.upload", "Client._verify", "before", 1),
    "after the size check": ("transfers.upload", "Client._verify", "after", 1),
    "between upload and rename": ("transfers.upload", "Client.rename", "before", 1),
    "after the rename": ("transfers.upload", "Client.rename", "after", 1),
    "between the companions": ("transfers.upload", "Client.upload", "after", 2),
    "before the delivery's record": ("flows.delivery", "send", "after", 1),
}


def strike(number: int) -> None:
    os.kill(os.getpid(), number)


def plant(boundary: str, number: int) -> None:
    """Puts the strike at the boundary, in this process only."""
    module, path, when, count = BOUNDARIES[boundary]
    owner: Any = import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    setattr(owner, name, struck(getattr(owner, name), when, count, number))


def struck(function: Callable[..., Any], when: str, count: int, number: int) -> Callable[..., Any]:
    calls = 0

    def items(*arguments: Any, **named: Any) -> Iterator[Any]:
        for place, item in enumerate(function(*arguments, **named), 1):
            yield item
            if place == count:
                strike(number)

    def call(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if when == "before" and calls == count:
            strike(number)
        result = function(*arguments, **named)
        if when == "after" and calls == count:
            strike(number)
        return result

    return items if when == "item" else call


def main(boundary: str, signal_name: str, sort: str, number: str) -> None:
    django.setup()
    from flows import delivery, pipeline

    plant(boundary, signal.Signals[signal_name])
    if sort == "run":
        pipeline.execute(int(number))
    else:
        delivery.deliver_waiting(int(number))


if __name__ == "__main__":
    main(*sys.argv[1:])
