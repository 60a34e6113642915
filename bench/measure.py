"""What lines are made of: rounds of product and peer in turn, their ratio, and the bar it is held to."""

import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 3


@dataclass(frozen=True)
class Line:
    """A line of the table. The ratio is product over peer, at most `bar`; without a bar it is shown and not judged."""

    name: str
    what: str
    against: str
    bar: float | None
    unit: str = "s"
    # Some lines compare by a difference: what is measured is then shown as it is, in `unit`.
    difference: bool = False


@dataclass
class Pairs:
    """What product and peer needed, round by round. `note` says why a line could not be measured, or what to know."""

    product: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)
    note: str = ""
    bar: float | None = None

    def add(self, product: float, peer: float) -> None:
        self.product.append(product)
        self.peer.append(peer)


@dataclass(frozen=True)
class Result:
    line: Line
    pairs: Pairs

    @property
    def bar(self) -> float | None:
        return self.pairs.bar if self.pairs.bar is not None else self.line.bar

    @property
    def ratio(self) -> float | None:
        """The median of the rounds' ratios; None when nothing was measured."""
        if not self.pairs.product:
            return None
        both = zip(self.pairs.product, self.pairs.peer, strict=True)
        return statistics.median(a - b if self.line.difference else a / b for a, b in both)

    @property
    def held(self) -> bool | None:
        """None for a line without a bar; a line that could not be measured is not held."""
        if self.bar is None:
            return None
        return self.ratio is not None and self.ratio <= self.bar

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.line.name,
            "what": self.line.what,
            "against": self.line.against,
            "ratio": None if self.ratio is None else round(self.ratio, 4),
            "bar": self.bar,
            "held": self.held,
            "rounds": len(self.pairs.product),
            "unit": self.line.unit,
            "difference": self.line.difference,
            "product": [round(value, 4) for value in self.pairs.product],
            "peer": [round(value, 4) for value in self.pairs.peer],
            "note": self.pairs.note,
        }


def in_turn(rounds: int, contenders: Mapping[str, Callable[[], Any]]) -> dict[str, list[Any]]:
    """What each contender returned, round by round. Each round's order is the last one's reversed, so none is always first."""
    found: dict[str, list[Any]] = {name: [] for name in contenders}
    for number in range(rounds):
        names = list(contenders)
        for name in reversed(names) if number % 2 else names:
            found[name].append(contenders[name]())
    return found


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def shell(command: str, environment: Mapping[str, str]) -> float:
    """The seconds that a shell command takes; it must succeed, every part of a pipe included."""
    start = time.perf_counter()
    done = subprocess.run(["bash", "-c", f"set -e -o pipefail; {command}"], env=environment, capture_output=True, check=False)
    taken = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr.decode(errors='replace')[-2000:]}")
    return taken


@dataclass
class Reply:
    """`seconds` and `cpu` of the call, the process's `peak` memory so far in KiB, and what the function returned."""

    seconds: float
    cpu: float
    peak: int
    value: Any


class Actor:
    """A warm process (see `bench.actor`)."""

    def __init__(self, environment: Mapping[str, str], python: str = sys.executable) -> None:
        self.process = subprocess.Popen(
            [python, "-m", "bench.actor"],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # A Ctrl-C reaches this process alone, which then ends the actors in order.
            start_new_session=True,
        )

    def __call__(self, call: str, **arguments: Any) -> Reply:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({"call": call, "arguments": arguments}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"The process that was asked for {call} has ended.")
        reply = json.loads(line)
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return Reply(**reply)

    def close(self) -> None:
        """Lets an idle process end; one that is still at work is killed."""
        assert self.process.stdin
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
