"""A Singer tap and target, as Meltano runs them: rows travel as JSON lines; zip and `sftp` do the rest."""

import json
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from . import environment

STREAM = "public-bench_click"


def prepare(folder: Path, url: str) -> str:
    """Writes the tap's and the target's configuration; the shell command that leaves `bench_click.csv` in `folder`."""
    folder.mkdir()
    programs, place = Path(environment.python()).parent, urlsplit(url)
    tap = {
        "host": place.hostname,
        "port": place.port,
        "user": place.username,
        "password": "trust",
        "database": place.path.strip("/"),
        "filter_schemas": ["public"],
        "default_replication_method": "FULL_TABLE",
    }
    target = {
        "output_path": str(folder),
        "file_naming_scheme": "bench_click.csv",
        "delimiter": ";",
        "overwrite_behavior": "replace_file",
    }
    (folder / "tap.json").write_text(json.dumps(tap), encoding="utf-8")
    (folder / "target.json").write_text(json.dumps(target), encoding="utf-8")
    command = [str(programs / "tap-postgres"), "--config", str(folder / "tap.json"), "--discover"]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    found["streams"] = [stream for stream in found["streams"] if stream["tap_stream_id"] == STREAM]
    for entry in found["streams"][0]["metadata"]:
        entry["metadata"]["selected"] = True
    (folder / "catalog.json").write_text(json.dumps(found), encoding="utf-8")
    return (
        f"{programs / 'tap-postgres'} --config {folder}/tap.json --catalog {folder}/catalog.json"
        f" | {programs / 'target-csv'} --config {folder}/target.json"
    )
