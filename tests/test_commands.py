"""Every command that scripts and operators rely on is there, explains itself, and refuses wrong arguments with exit code 2."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Command -> arguments that lack something or are not known.
COMMANDS = {
    "configure": [],
    "load_profiles": ["--account", "acme", "--table"],
    "load_campaigns": ["--account"],
    "load_events": ["--account", "acme", "--table", "customers", "no_such_kind"],
    "tick": ["now"],
    "run_flow": ["--no-such-option"],
    "rerun": ["--deliver", "twelve"],
    "export_range": ["acme/customers/email_sent"],
    "runs": ["--since", "yesterday-ish"],
    "probe": [],
    "purge": ["--no-such-option"],
    "verify": [],
    "rotate_secrets": ["--no-such-option"],
    "rebase_positions": ["--no-such-option"],
    "reconcile": ["--no-such-option"],
}


def manage(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_explains_itself(command):
    done = manage(command, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: manage.py " + command)
    description = done.stdout.split("\n\n")[1]
    assert len(description) > 20, done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_refuses_wrong_arguments(command):
    done = manage(command, *COMMANDS[command])
    assert done.returncode == 2, done.stdout + done.stderr
    assert f"manage.py {command}" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_command_is_missing_from_this_list():
    own = {
        path.stem
        for app in ("accounts", "interactions", "transfers", "flows")
        for path in (ROOT / app / "management" / "commands").glob("[!_]*.py")
    }
    assert set(COMMANDS) <= own
