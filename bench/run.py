"""`make bench`: measures every line, prints the table, writes bench/out/results.json, and exits 1 when a bar is missed.

ONLY=name (or several, with commas) measures some lines, SCALE=small takes a twentieth of most rows, ROUNDS=n other rounds than
three. `--report` only draws the page's table and picture anew from the results that are there.
"""

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from . import report
from .measure import ROOT, Line, Pairs, Result
from .workplace import SCALES, Workplace, machine, versions

OUT = ROOT / "bench" / "out" / "results.json"
Measure = Callable[[Workplace], dict[str, Pairs]]


def groups() -> list[tuple[tuple[Line, ...], Measure]]:
    """Lines that are measured together, in the order of the table."""
    from . import due, embedded, end_to_end, exporting, fairness, loading, scaling, uploads, windows

    return [
        (exporting.LINES, exporting.measure),
        (exporting.GROWTH, exporting.growth),
        (end_to_end.FAR, end_to_end.far),
        (end_to_end.NEAR, end_to_end.near),
        (windows.LINES, windows.measure),
        (loading.LINES, loading.measure),
        (due.LINES, due.measure),
        (due.TICK, due.tick),
        (embedded.LINES, embedded.measure),
        (uploads.SFTP, uploads.sftp),
        (uploads.FTPS, uploads.ftps),
        (uploads.MEMORY, uploads.memory),
        (fairness.LINES, fairness.measure),
        (scaling.LINES, scaling.measure),
    ]


def measured(work: Workplace, only: set[str]) -> list[Result]:
    results = []
    for lines, measure in groups():
        wanted = [line for line in lines if not only or line.name in only]
        if not wanted:
            continue
        print(f"… {', '.join(line.name for line in wanted)}", file=sys.stderr, flush=True)
        # What the lines before have written does not go to the disk during this one.
        os.sync()
        began = time.monotonic()
        try:
            pairs = measure(work)
        except Exception as error:
            traceback.print_exc()
            pairs = {line.name: Pairs(note=f"Not measured: {str(error).strip().splitlines()[-1][:300]}") for line in lines}
        for line in wanted:
            results.append(Result(line, pairs[line.name]))
            print(f"  {report.row(results[-1].as_json())}", file=sys.stderr, flush=True)
        print(f"  {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return results


def write(results: list[Result], scale: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Writes the results; with ONLY, those of other lines stay, as far as they are of the same scale."""
    document = {"scale": scale, "measured_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", **facts, "results": []}
    kept: dict[str, Any] = {}
    if OUT.exists():
        before = json.loads(OUT.read_text(encoding="utf-8"))
        if before.get("scale") == scale:
            kept = {entry["name"]: entry for entry in before["results"]}
    kept |= {result.line.name: result.as_json() for result in results}
    order = [line.name for lines, _ in groups() for line in lines]
    document["results"] = [kept[name] for name in order if name in kept]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return document


def main() -> int:
    if "--report" in sys.argv:
        report.page(json.loads(OUT.read_text(encoding="utf-8")))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    scale = os.environ.get("SCALE") or "full"
    only = {name.strip() for name in os.environ.get("ONLY", "").split(",") if name.strip()}
    known = {line.name for lines, _ in groups() for line in lines}
    if scale not in SCALES or only - known:
        strange = ", ".join(sorted(only - known)) or scale
        print(f"There is no {strange}. SCALE is full or small; ONLY is one of {', '.join(sorted(known))}.", file=sys.stderr)
        return 2
    with Workplace(scale) as work:
        facts = {"machine": machine(), "versions": versions(work)}
        results = measured(work, only)
    document = write(results, scale, facts)
    print(report.table([result.as_json() for result in results], document))
    missed = [result for result in results if result.held is False]
    for result in missed:
        ratio = "not measured" if result.ratio is None else f"{result.ratio:.2f}"
        print(f"MISSED {result.line.name}: {ratio}, the bar is {result.bar}. {result.pairs.note}".rstrip())
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
