"""`make chaos`: faults of every sort for thirty simulated days, on real servers and processes, then the verdict. Needs root.

The clock of the product's processes is set forward a day at a time (`tests.chaos.clock`), so every scheduled run is one of
beat's own ticks. The faults come in the order that the seed draws: the same seed, the same sequence. What the machine makes
of it, such as which process is in a phase when it is killed, differs from run to run.
"""

import argparse
import os
import shutil
import signal
import sys

from tests.chaos.run import simulate

NEEDED = ("sshd", "ssh-keygen", "useradd")
SERVERS = ("vsftpd", "redis-server")


def missing(embedded: bool) -> list[str]:
    path = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
    return [name for name in (*NEEDED, *(() if embedded else SERVERS)) if not shutil.which(name, path=path)]


def options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED") or 0) or None, help="this seed only; also SEED=n")
    parser.add_argument("--seeds", type=int, default=int(os.environ.get("SEEDS") or 1), help="so many seeds; also SEEDS=n")
    parser.add_argument("--days", type=int, default=30, help="simulated days of each seed")
    parser.add_argument("--day-seconds", type=float, default=12.0, help="real seconds of a simulated day")
    parser.add_argument("--embedded", action="store_true", help="SQLite and the file broker, with the worker's faults only")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """0 when every seed held."""
    chosen = options(arguments)
    if os.geteuid() != 0:
        print("make chaos needs root: it makes a user for the servers, and small disks to fill.", file=sys.stderr)
        return 1
    if absent := missing(chosen.embedded):
        print(f"make chaos needs {', '.join(absent)}. `make test` installs them.", file=sys.stderr)
        return 1
    if chosen.seed is None:
        chosen.seed = int.from_bytes(os.urandom(3), "big")
    if chosen.seeds == 1:
        return 0 if simulate(chosen.seed, chosen.days, chosen.day_seconds, tell, embedded=chosen.embedded) else 1
    return several(chosen)


def several(chosen: argparse.Namespace) -> int:
    """Each seed in a process of its own, since Django is set up once in a process."""
    import subprocess

    failed = []
    for seed in range(chosen.seed, chosen.seed + chosen.seeds):
        command = [sys.executable, "-m", "tests.chaos", "--seed", str(seed), "--days", str(chosen.days)]
        command += ["--day-seconds", str(chosen.day_seconds), *(["--embedded"] if chosen.embedded else [])]
        process = subprocess.Popen(command, env=os.environ | {"SEEDS": "1"})
        try:
            if process.wait():
                failed.append(seed)
        except BaseException:
            process.send_signal(signal.SIGTERM)
            process.wait()
            raise
    held = chosen.seeds - len(failed)
    tell(f"{held} of {chosen.seeds} seeds held.{f' Not: {failed}' if failed else ''}")
    return 1 if failed else 0


def tell(line: str) -> None:
    print(line, flush=True)


def interrupted(number: int, frame: object) -> None:
    # Once is enough: the way out is not cut short by a second Ctrl-C.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, interrupted)
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print("\nStopped, with everything that was started.", flush=True)
        sys.exit(130)
