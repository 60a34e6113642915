"""The demo from its first step to its last, as a person follows it on the terminal."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from django.core.management import call_command
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from flows.models import Delivery, Flow, Run

from . import evidence, loading, servers
from .processes import DemoError, Processes, free_port
from .state import State, open_state

FILES = 54
PATIENCE_SECONDS = 300
CELERY = ("celery", "-A", "actito_exports")
console = Console(highlight=False, soft_wrap=True)


def tell(root: Path, folder: Path, *, once: bool) -> int:
    """The whole path. Returns the exit code; raises DemoError or CommandError with the reason when a step fails."""
    state = open_state(folder)
    with Processes(root, state.logs) as processes:
        prepare(state, processes)
        load(state)
        deliver(state, processes)
        evidence.show(state, console)
        verify(root, state)
        if not once:
            serve(state, processes)
    console.print("All processes of the demo have stopped.")
    return 0


def prepare(state: State, processes: Processes) -> None:
    console.print("[bold]1[/] Database, keys, certificates, servers, configuration")
    call_command("migrate", verbosity=0)
    servers.make_ssh_keys(state.keys)
    servers.make_certificates(state.keys)
    servers.private(state.keys / "server_password", state.server_password.encode())
    state.take_ports()
    processes.start("servers", "deploy.demo.servers", str(state.folder))
    for port in (state.sftp_port, state.ftps_port):
        processes.wait_for_port(port)
    loading.configure(state)
    loading.add_people(state)
    loading.forget_hints()


@contextmanager
def bar(label: str) -> Iterator[Callable[[int, str], None]]:
    """A function that shows how many of the 54 are done; off a terminal, a line at each ten seconds."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[what]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"  {label}", total=FILES, what="")
        last = -10.0

        def update(done: int, what: str) -> None:
            nonlocal last
            progress.update(task, completed=done, what=what)
            if not console.is_terminal and (time.monotonic() - last >= 10 or done == FILES):
                console.print(f"  {label}: {done} of {FILES} {what}".rstrip())
                last = time.monotonic()

        yield update


def load(state: State) -> None:
    console.print("[bold]2[/] Profiles, campaigns, and events of 27 kinds for two tables")
    with bar("loaded") as update:
        loading.load(state, update)
        update(FILES, "")


def deliver(state: State, processes: Processes) -> None:
    """Starts the worker and, at the launch moment, beat; returns when each flow's first file is on its server."""
    console.print(f"[bold]3[/] Every flow launches at {state.launch} ({state.zone}); the worker makes and delivers the files")
    processes.start(
        "worker", *CELERY, "worker", "--pool", "prefork", "--concurrency", "2", "--loglevel", "INFO", "--without-mingle"
    )
    started = bool(delivered())
    with bar("delivered") as update:
        until = time.monotonic() + PATIENCE_SECONDS
        while (done := delivered()) < FILES:
            processes.check()
            wait = seconds_to_launch()
            if "beat" not in processes.keepers and (started or wait <= 0):
                # Its first tick comes at once, so it starts when there is something to launch.
                processes.start("beat", *CELERY, "beat", "--loglevel", "INFO", "--pidfile", "")
                until = time.monotonic() + PATIENCE_SECONDS
            update(done, waiting_for(wait))
            if "beat" in processes.keepers and time.monotonic() > until:
                raise DemoError(f"{done} of {FILES} files were delivered in {PATIENCE_SECONDS} seconds. {troubles(state)}")
            time.sleep(0.5)
        update(done, "")


def delivered() -> int:
    """How many flows have a delivered file."""
    return Delivery.objects.filter(status=Delivery.Status.DELIVERED).order_by().values("run__flow").distinct().count()


def seconds_to_launch() -> float:
    """Until the first launch of the flows that no run was ever opened for; 0 or less when one is due or there are none."""
    first = Flow.objects.filter(runs=None).order_by("next_launch_at").values_list("next_launch_at", flat=True).first()
    return (first - datetime.now(UTC)).total_seconds() if first else 0


def waiting_for(seconds: float) -> str:
    """What the progress display says beside the number of files delivered."""
    if seconds > 0:
        return f"launch in {seconds:.0f} s"
    if made := Run.objects.filter(status=Run.Status.DONE).count():
        return f"{made} made"
    return "being made" if Run.objects.exists() else "beat's next round comes within a minute"


def troubles(state: State) -> str:
    errors = Delivery.objects.exclude(error="").order_by("error").values_list("error", flat=True).distinct()
    return " ".join([*errors[:3], f"The logs are in {state.logs}."])


def verify(root: Path, state: State) -> None:
    """Checks every received file, manifest and checksum with `manage.py verify`. Raises DemoError when it finds a fault."""
    console.print("[bold]4[/] manage.py verify")
    for folder in (state.sftp, state.ftps):
        checked = subprocess.run(
            [sys.executable, "manage.py", "verify", str(folder)],
            cwd=root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        lines = (checked.stdout or checked.stderr).strip().splitlines()
        console.print(f"  {folder.name}: {lines[-1] if lines else ''}", markup=False)
        if checked.returncode:
            raise DemoError(f"manage.py verify {folder} found a fault: {(checked.stderr or checked.stdout).strip()}")


def serve(state: State, processes: Processes) -> None:
    """Serves the portal until a signal ends it; scheduled flows go on as long as it runs."""
    port = free_port(8000)
    gunicorn = (
        "gunicorn",
        "--bind",
        f"127.0.0.1:{port}",
        "--workers",
        "1",
        "--threads",
        "4",
        "--access-logfile",
        "-",
        "--no-control-socket",
    )
    processes.start("web", *gunicorn, "actito_exports.wsgi")
    if "beat" not in processes.keepers:
        processes.start("beat", *CELERY, "beat", "--loglevel", "INFO", "--pidfile", "")
    processes.wait_for_port(port)
    console.print(f"\n[bold]The portal is at http://127.0.0.1:{port}[/]")
    console.print(f"  support  http://127.0.0.1:{port}/admin/   login {loading.SUPPORT}   password {state.support_password}")
    console.print(f"  client   http://127.0.0.1:{port}/         login {loading.CLIENT}    password {state.client_password}")
    console.print("Ctrl-C stops everything.")
    while True:
        processes.check()
        time.sleep(0.5)
