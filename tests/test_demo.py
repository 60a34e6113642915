"""The demo as a person runs it: 54 verified files, the portal, and nothing left running however it ends."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest

from interactions.kinds import KINDS

ROOT = Path(__file__).resolve().parent.parent
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """One data folder for all tests of this module, which go on where the one before ended."""
    return tmp_path_factory.mktemp("demo")


def start(data_dir: Path, **variables: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "DATA_DIR": str(data_dir), "DEMO_EVENTS": "4000", "PYTHONUNBUFFERED": "1", **variables}
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.demo"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def running(data_dir: Path) -> list[str]:
    """The command lines of the processes that work on this data folder."""
    mark = f"DATA_DIR={data_dir}\0".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def received(data_dir: Path) -> dict[str, str]:
    """Each archive on the two servers with its SHA-256."""
    return {
        str(path.relative_to(data_dir / "demo")): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (data_dir / "demo").glob("*ftp*/*.zip")
    }


def until_portal(demo: subprocess.Popen[str]) -> tuple[str, str]:
    """The address that the demo prints and all that it printed before and two lines after."""
    assert demo.stdout
    printed = ""
    for line in demo.stdout:
        printed += line
        if found := re.search(r"The portal is at (http://\S+)", line):
            return found[1], printed + demo.stdout.readline() + demo.stdout.readline()
    raise AssertionError(printed)


def test_a_first_start_may_be_broken_off(data_dir):
    demo = start(data_dir)
    assert demo.stdout
    for line in demo.stdout:
        if line.startswith("2 "):
            demo.send_signal(signal.SIGINT)
            break
    demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert running(data_dir) == []


def test_once_delivers_and_verifies_54_files(data_dir):
    demo = start(data_dir, ONCE="1")
    printed, _ = demo.communicate()
    assert demo.returncode == 0, printed
    assert running(data_dir) == []
    day = json.loads(next((data_dir / "demo" / "ftps").glob("*.manifest.json")).read_text())["exportDay"].replace("-", "")
    assert set(received(data_dir)) == {
        f"{folder}/{code}_{table}_{day}.zip" for code in KINDS for folder, table in (("sftp", "customers"), ("ftps", "prospects"))
    }
    assert "54 of 54" in printed
    with zipfile.ZipFile(data_dir / "demo" / "sftp" / f"email_sent_customers_{day}.zip") as archive:
        lines = archive.read(archive.namelist()[0]).decode().splitlines()
    assert lines[0].startswith("eventId;profileId;businessKey;firstName;interests;campaignId;")
    manifest = json.loads((data_dir / "demo" / "sftp" / f"email_sent_customers_{day}.zip.manifest.json").read_text())
    # 65 % of 4,000 events for the table, 300 of 1,100 shares for the kind.
    assert manifest["rows"] == 709
    assert list((data_dir / "demo").glob("*ftp*/.*")) == []


def test_a_second_start_goes_on_where_the_first_ended(data_dir):
    before = received(data_dir)
    demo = start(data_dir, ONCE="1")
    printed, _ = demo.communicate()
    assert demo.returncode == 0, printed
    after = received(data_dir)
    assert {name: after[name] for name in before} == before


def test_a_demo_is_refused_beside_a_running_one_and_ctrl_c_stops_it_all(data_dir):
    demo = start(data_dir)
    address, printed = until_portal(demo)
    with urllib.request.urlopen(f"{address}/", timeout=20) as page:
        assert page.status == 200
        assert 'type="password"' in page.read().decode()
    with urllib.request.urlopen(f"{address}/admin/login/", timeout=20) as page:
        assert page.status == 200
    logins = re.findall(r"login (\w+)\s+password (\S+)", printed)
    assert [name for name, _ in logins] == ["support", "client"]

    second = start(data_dir)
    refused, _ = second.communicate(timeout=60)
    assert second.returncode == 1
    assert refused == f"A demo is running in {data_dir}/demo already. Stop it first, or set DATA_DIR to another folder.\n"

    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=60)
    assert demo.returncode == 130
    assert running(data_dir) == []


def test_nothing_outlives_a_demo_that_was_killed(data_dir):
    demo = start(data_dir)
    until_portal(demo)
    assert len(running(data_dir)) > 5
    demo.kill()
    demo.wait()
    until = time.monotonic() + 30
    while running(data_dir) and time.monotonic() < until:
        time.sleep(0.2)
    assert running(data_dir) == []
