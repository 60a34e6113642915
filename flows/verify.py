#!/usr/bin/env python3
"""Checks a folder of received archives and their manifests: every file whole, the chain unbroken, no event twice.

One file that needs nothing but Python 3.8 or newer: `python verify.py FOLDER`. It only reads. Files are read as streams, so
memory does not grow with them.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import heapq
import io
import json
import os
import re
import sys
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TextIO

COMPANIONS = (".manifest.json", ".sha256", ".ready")
BLOCK = 1 << 18
INTEGER = re.compile(r"-?[0-9]{1,19}\Z")


class Damage(Exception):
    """What is wrong with one file; the text completes a sentence that starts with the file's name."""


@dataclass
class Finding:
    """`fault` is False for what is worth knowing but no damage. `file` is relative to the folder checked."""

    sentence: str
    file: str = ""
    flow: str = ""
    fault: bool = True


@dataclass
class Archive:
    """One received file: where it lies, what its manifest says, and what was found in it."""

    path: Path
    shown: str
    manifest: dict[str, Any] = field(default_factory=dict)
    header: list[str] = field(default_factory=list)
    rows: int = 0
    first: int | None = None
    last: int | None = None
    sha256: str = ""
    whole: bool = False

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def flow(self) -> str:
        """The flow as its manifest names it, empty without one."""
        return "/".join(str(self.manifest[key]) for key in ("account", "table", "kind")) if self.manifest else ""

    @property
    def sequence(self) -> int | None:
        return self.manifest.get("sequence")

    @property
    def revision(self) -> int:
        return int(self.manifest.get("revision", 1))


@dataclass
class Report:
    """What a check found: findings in order, and the counts of archives, flows and rows."""

    findings: list[Finding] = field(default_factory=list)
    archives: int = 0
    flows: int = 0
    rows: int = 0

    @property
    def faults(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.fault]

    def fault(self, sentence: str, file: str = "", flow: str = "") -> None:
        self.findings.append(Finding(sentence, file, flow))

    def note(self, sentence: str, file: str = "", flow: str = "") -> None:
        self.findings.append(Finding(sentence, file, flow, fault=False))


def check(folder: Path) -> Report:
    """Checks all files under `folder`. Raises OSError when the folder cannot be read."""
    report = Report()
    archives, companions = _listed(folder, report)
    for archive in archives.values():
        _check_companions(archive, companions, report)
    for name in sorted(set(companions) - set(archives)):
        for suffix in companions[name]:
            report.fault(f"{name} is missing, although {name}{suffix} is there.", name)
    for archive in archives.values():
        _check_archive(archive, report)
    _check_strangers(list(archives.values()), report)
    flows = _by_flow(archives.values())
    for flow, members in sorted(flows.items()):
        if members[0].manifest:
            _check_chain(flow, members, report)
        _check_events(members, report)
    if not archives:
        report.fault("There is no archive in the folder.")
    report.archives, report.flows = len(archives), len(flows)
    report.rows = sum(archive.rows for archive in archives.values())
    return report


# --- The folder ---------------------------------------------------------------------------------------------------------


def _listed(folder: Path, report: Report) -> tuple[dict[str, Archive], dict[str, list[str]]]:
    """The archives by their paths in the folder, and the companions found for each path; anything else is foreign."""
    archives: dict[str, Archive] = {}
    companions: dict[str, list[str]] = defaultdict(list)
    for path in _files(folder):
        shown = path.relative_to(folder).as_posix()
        suffix = next((suffix for suffix in COMPANIONS if path.name.endswith(suffix)), "")
        if path.name.startswith("."):
            if path.name.endswith(".part"):
                report.note(f"{shown} is an upload that has not ended; it was left out.", shown)
        elif suffix:
            companions[shown[: -len(suffix)]].append(suffix)
        elif path.name.endswith((".zip", ".zip.gpg")):
            archives[shown] = Archive(path, shown)
        else:
            report.fault(f"{shown} is foreign: it is neither an archive nor a companion of one.", shown)
    return archives, companions


def _files(folder: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise error

    for root, folders, names in os.walk(folder, onerror=fail):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            yield Path(root) / name


def _check_strangers(archives: list[Archive], report: Report) -> None:
    """Notes archives without a manifest where others have one, unless a manifest names them as the file before."""
    if not any(archive.manifest for archive in archives):
        if archives:
            report.note("There are no manifests here: whether a file is missing cannot be told.")
        return
    named = {
        (archive.manifest["previous"]["name"], archive.manifest["previous"]["sha256"])
        for archive in archives
        if archive.manifest.get("previous")
    }
    for archive in archives:
        if archive.manifest or not archive.whole:
            continue
        if (archive.name, archive.sha256) in named:
            report.note(f"{archive.shown} has no manifest, but a later file names it with its checksum.", archive.shown)
        else:
            report.fault(f"{archive.shown} is foreign, or its manifest is lost: the other files here have one.", archive.shown)


# --- One file -----------------------------------------------------------------------------------------------------------


def _check_companions(archive: Archive, companions: dict[str, list[str]], report: Report) -> None:
    """Reads the manifest, and checks the two other companions against the archive's name."""
    suffixes = companions.get(archive.shown, [])
    if ".manifest.json" in suffixes:
        name = archive.shown + ".manifest.json"
        try:
            archive.manifest = _manifest(archive.path.with_name(archive.name + ".manifest.json"))
        except Damage as damage:
            report.fault(f"{name} {damage}", name)
    if ".ready" in suffixes and archive.path.with_name(archive.name + ".ready").stat().st_size:
        report.fault(f"{archive.shown}.ready is not empty.", f"{archive.shown}.ready")


SHAPE: dict[str, Any] = {
    "account": str,
    "table": str,
    "kind": str,
    "sequence": (int, type(None)),
    "exportDay": str,
    "revision": int,
    "columns": list,
    "window": {"from": str, "to": str},
    "rows": int,
    "firstEventId": (int, type(None)),
    "lastEventId": (int, type(None)),
    "file": {"name": str, "bytes": int, "sha256": str},
    "csv": {"name": str, "bytes": int, "sha256": str},
    "previous": (dict, type(None)),
}


def _manifest(path: Path) -> dict[str, Any]:
    """The manifest's content. Raises Damage when it is none of version 1."""
    try:
        data = json.loads(path.read_bytes().decode("utf-8"))
    except (ValueError, RecursionError):
        raise Damage("is not a manifest: it is not JSON, or it is cut short.") from None
    if not isinstance(data, dict) or "version" not in data:
        raise Damage("is not a manifest of the portal.")
    if data["version"] != 1:
        raise Damage(f"is of version {data['version']}, and this script knows version 1 only. Get a newer script.")
    wrong = _misshapen(data, SHAPE)
    if data.get("previous"):
        wrong = wrong or _misshapen(data["previous"], {"sequence": int, "name": str, "sha256": str})
    if wrong:
        raise Damage(f"was altered: {wrong} is missing or of another sort.")
    return data


def _misshapen(data: Any, shape: dict[str, Any]) -> str:
    """The first key that is not of its shape, empty when all are."""
    for key, kind in shape.items():
        if not isinstance(data, dict) or key not in data:
            return key
        if isinstance(kind, dict):
            inner = _misshapen(data[key], kind)
            if inner:
                return f"{key}.{inner}"
        elif not isinstance(data[key], kind) or isinstance(data[key], bool):
            return key
    return ""


def _check_archive(archive: Archive, report: Report) -> None:
    """Checks the archive itself, and everything that its manifest and its checksum file say of it."""
    try:
        _check_bytes(archive)
        if archive.name.endswith(".gpg"):
            report.note(f"{archive.shown} is encrypted: its content was not checked.", archive.shown, archive.flow)
        else:
            _check_member(archive)
            _check_counts(archive)
        archive.whole = True
    except Damage as damage:
        report.fault(f"{archive.shown} {damage}", archive.shown, archive.flow)


def _check_bytes(archive: Archive) -> None:
    size = archive.path.stat().st_size
    said = _described(archive)
    if said and said["name"] != archive.name:
        raise Damage(f"is foreign here: its manifest is that of {said['name']}.")
    if said and size != said["bytes"]:
        word = "truncated" if size < said["bytes"] else "altered"
        raise Damage(f"is {word}: it has {size:,} bytes, its manifest says {said['bytes']:,}.")
    with archive.path.open("rb") as file:
        archive.sha256 = _sha256(file)
    if said and archive.sha256 != said["sha256"]:
        raise Damage("is altered: its SHA-256 is not the one in its manifest.")
    checksum = archive.path.with_name(archive.name + ".sha256")
    if checksum.exists():
        words = checksum.read_bytes().decode("utf-8", "replace").strip().split(None, 1)
        if len(words) != 2 or words[1].lstrip("*") != archive.name:
            raise Damage(f"cannot be checked by {checksum.name}, which names another file.")
        if words[0].lower() != archive.sha256:
            raise Damage(f"is altered: its SHA-256 is not the one in {checksum.name}.")


def _described(archive: Archive) -> dict[str, Any]:
    """What the manifest says of the file as it was sent: of an encrypted one, what it says of the encrypted form."""
    if archive.name.endswith(".gpg"):
        encrypted = archive.manifest.get("encrypted")
        return encrypted if isinstance(encrypted, dict) and not _misshapen(encrypted, SHAPE["file"]) else {}
    said: dict[str, Any] = archive.manifest.get("file", {})
    return said


def _sha256(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while True:
        block = file.read(BLOCK)
        if not block:
            return digest.hexdigest()
        digest.update(block)


class Hashed(io.RawIOBase):
    """A stream that counts and hashes what is read through it, and remembers its last byte."""

    def __init__(self, source: IO[bytes]) -> None:
        self.source = source
        self.digest = hashlib.sha256()
        self.bytes = 0
        self.last = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.source.read(len(buffer))
        buffer[: len(data)] = data
        if data:
            self.digest.update(data)
            self.bytes += len(data)
            self.last = data[-1:]
        return len(data)


def _check_member(archive: Archive) -> None:
    """Reads the one member to its end, which also checks its CRC, and parses it. Fills in what was found."""
    member = re.sub(r"\.zip\Z", ".csv", archive.name)
    try:
        with zipfile.ZipFile(archive.path) as packed:
            names = packed.namelist()
            if names != [member]:
                raise Damage(f"is altered or renamed: it holds {', '.join(names) or 'nothing'} and not {member} alone.")
            with packed.open(member) as stream:
                source = Hashed(stream)
                _check_rows(archive, source)
    except UnicodeDecodeError:
        raise Damage("is altered: its CSV is not UTF-8.") from None
    except csv.Error as error:
        raise Damage(f"is altered: its CSV cannot be read after row {archive.rows:,} ({error}).") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise Damage(f"is truncated or altered: it is not a whole ZIP archive ({error}).") from None
    said = archive.manifest.get("csv", {})
    if said and said["name"] != member:
        raise Damage(f"does not hold {said['name']}, of which its manifest tells.")
    if said and (source.bytes, source.digest.hexdigest()) != (said["bytes"], said["sha256"]):
        raise Damage("holds another CSV than its manifest says: sizes or SHA-256 differ.")


def _check_rows(archive: Archive, source: Hashed) -> None:
    text = io.TextIOWrapper(io.BufferedReader(source, BLOCK), encoding="utf-8", newline="")
    lines = csv.reader(text, delimiter=";", strict=True)
    archive.header = next(lines, [])
    if archive.header[:1] != ["eventId"]:
        raise Damage("is no file of the portal: its header does not start with eventId.")
    width = len(archive.header)
    for row in lines:
        if len(row) != width:
            raise Damage(f"is altered: row {archive.rows + 1:,} has {len(row)} cells, the header {width}.")
        if not INTEGER.match(row[0]):
            raise Damage(f"is altered: row {archive.rows + 1:,} has no event id.")
        event = int(row[0])
        if archive.last is not None and event <= archive.last:
            word = "holds event {} twice" if event == archive.last else "is altered: event {} is not in ascending order"
            raise Damage(f"{word.format(event)} (row {archive.rows + 1:,}).")
        if archive.first is None:
            archive.first = event
        archive.last = event
        archive.rows += 1
    if source.last != b"\n":
        raise Damage("is truncated: its CSV does not end with a line break.")


def _check_counts(archive: Archive) -> None:
    said = archive.manifest
    if not said:
        return
    if archive.header != said["columns"]:
        raise Damage("has another header than its manifest says.")
    if archive.rows != said["rows"]:
        raise Damage(f"has {archive.rows:,} rows, its manifest says {said['rows']:,}.")
    if (archive.first, archive.last) != (said["firstEventId"], said["lastEventId"]):
        raise Damage(
            f"holds the events {archive.first} to {archive.last}, its manifest says {said['firstEventId']} to {said['lastEventId']}."
        )


# --- A flow's files together --------------------------------------------------------------------------------------------


def _by_flow(archives: Iterable[Archive]) -> dict[str, list[Archive]]:
    """The archives of each flow; without a manifest, those whose names differ in digits only and whose headers are equal."""
    flows: dict[str, list[Archive]] = defaultdict(list)
    for archive in archives:
        if archive.manifest:
            flows[archive.flow].append(archive)
        elif archive.whole and archive.header:
            name = re.sub(r"_r[0-9]+\.zip\Z", ".zip", archive.name)
            flows[
                "|".join([re.sub(r"[0-9]+", "0", re.sub(r"(_[0-9]{8})_[0-9]+\.zip\Z", r"\1.zip", name)), *archive.header])
            ].append(archive)
    return flows


def _check_chain(flow: str, members: list[Archive], report: Report) -> None:
    """Checks that a flow's files follow one another: none missing, none twice, each naming the one before."""
    links: dict[int, list[Archive]] = defaultdict(list)
    for archive in members:
        if archive.sequence is not None:
            links[archive.sequence].append(archive)
    for sequence in sorted(links):
        links[sequence].sort(key=lambda archive: (archive.revision, archive.shown))
        _check_revisions(flow, sequence, links[sequence], report)
    if links and min(links) > 1:
        report.note(f"{flow} starts with file {min(links)} here; older ones were not looked for.", flow=flow)
    before: int | None = None
    for sequence in sorted(links):
        if before is not None and sequence != before + 1:
            _report_gap(flow, before, links[sequence][0], report)
        for archive in links[sequence]:
            _check_link(archive, links.get(sequence - 1, []), report)
        before = sequence


def _check_revisions(flow: str, sequence: int, archives: list[Archive], report: Report) -> None:
    """Several files of one place in the chain are revisions with the same window; anything else is a double."""
    for place, other in enumerate(archives[1:]):
        one = archives[place]
        if one.revision == other.revision:
            report.fault(f"{other.shown} is doubled: {one.shown} is file {sequence} of {flow} already.", other.shown, flow)
        elif one.manifest["window"] != other.manifest["window"]:
            report.fault(f"{other.shown} has another window than {one.shown}, which it replaces.", other.shown, flow)


def _report_gap(flow: str, before: int, after: Archive, report: Report) -> None:
    first, last = before + 1, (after.sequence or 0) - 1
    previous = after.manifest["previous"]
    name = f" ({previous['name']})" if previous and previous["sequence"] == last else ""
    which = f"file {last}{name} is" if first == last else f"files {first} to {last}{name} are"
    report.fault(f"{flow}: {which} missing, before {after.shown}.", after.shown, flow)


def _check_link(archive: Archive, before: list[Archive], report: Report) -> None:
    """Checks what a file says of the one before it, of which `before` are the revisions that are there."""
    previous = archive.manifest["previous"]
    sequence = archive.sequence or 0
    problem = ""
    if sequence == 1 and previous:
        problem = f"is altered or foreign: as the first file it names {previous['name']} before it"
    elif sequence > 1 and (not previous or previous["sequence"] != sequence - 1):
        problem = f"is altered or foreign: it does not name file {sequence - 1} as the one before it"
    elif before and all(other.manifest["window"]["to"] != archive.manifest["window"]["from"] for other in before):
        problem = f"does not follow {before[-1].shown}: its window starts elsewhere than that one ended"
    elif before:
        problem = _mismatch(archive, previous, before, report)
    if problem:
        report.fault(f"{archive.shown} {problem}.", archive.shown, archive.flow)


def _mismatch(archive: Archive, previous: dict[str, Any], before: list[Archive], report: Report) -> str:
    named = [other for other in before if other.manifest["file"]["name"] == previous["name"]]
    if any(other.manifest["file"]["sha256"] == previous["sha256"] for other in named):
        return ""
    if named:
        return f"names another SHA-256 for {previous['name']} than that file has: one of the two was replaced"
    if min(other.revision for other in before) > 1 or archive.revision > 1:
        report.note(
            f"{archive.shown} names {previous['name']}, of which only another revision is here.", archive.shown, archive.flow
        )
        return ""
    return f"names {previous['name']} as the file before it, and not {before[-1].shown}"


def _check_events(members: list[Archive], report: Report) -> None:
    """Tells which of a flow's files hold the same events, reading again those whose ranges of ids overlap."""
    counted = sorted(
        (archive for archive in _newest(members) if archive.whole and archive.first is not None), key=lambda each: each.first or 0
    )
    shared: dict[tuple[str, str], list[int]] = {}
    for cluster in _overlapping(counted):
        for event, *both in _repeated(cluster):
            one, other = sorted(both, key=lambda archive: (archive.sequence or 0, archive.shown))
            shared.setdefault((one.shown, other.shown), [event, 0])[1] += 1
    for (first, second), (event, count) in shared.items():
        more = f" and {count - 1:,} more" if count > 1 else ""
        report.fault(f"{second} is doubled or altered: it holds event {event}{more}, as {first} does.", second, members[0].flow)


def _newest(members: list[Archive]) -> list[Archive]:
    """The files that count: no date ranges, and of each place in the chain the newest revision."""
    chosen: dict[str, tuple[int, Archive]] = {}
    for archive in members:
        if archive.manifest:
            if archive.sequence is None:
                continue
            key, revision = str(archive.sequence), archive.revision
        else:
            match = re.search(r"_r([0-9]+)\.zip\Z", archive.name)
            key, revision = archive.shown[: match.start()] if match else archive.shown[:-4], int(match[1]) if match else 1
        if key not in chosen or chosen[key][0] < revision:
            chosen[key] = (revision, archive)
    return [archive for _, archive in chosen.values()]


def _overlapping(archives: list[Archive]) -> Iterator[list[Archive]]:
    """Groups of two and more archives, sorted by their first ids, whose ranges of ids overlap."""
    group: list[Archive] = []
    end = 0
    for archive in archives:
        if group and (archive.first or 0) > end:
            if len(group) > 1:
                yield group
            group = []
        end = max(end, archive.last or 0) if group else (archive.last or 0)
        group.append(archive)
    if len(group) > 1:
        yield group


def _repeated(archives: list[Archive]) -> Iterator[tuple[int, Archive, Archive]]:
    """Each event that two archives hold, with the two: a merge of their ids that has open only the files it is within."""
    waiting = list(reversed(archives))
    heap: list[tuple[int, int, Iterator[int]]] = []
    last: tuple[int, int] | None = None
    while heap or waiting:
        while waiting and (not heap or (waiting[-1].first or 0) <= heap[0][0]):
            place = len(archives) - len(waiting)
            ids = _ids(waiting.pop())
            heapq.heappush(heap, (next(ids), place, ids))
        event, place, ids = heap[0]
        if last and last[0] == event:
            yield event, archives[last[1]], archives[place]
        else:
            last = (event, place)
        following = next(ids, None)
        if following is None:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (following, place, ids))


def _ids(archive: Archive) -> Iterator[int]:
    with zipfile.ZipFile(archive.path) as packed, packed.open(packed.namelist()[0]) as stream:
        lines = csv.reader(io.TextIOWrapper(stream, encoding="utf-8", newline=""), delimiter=";")
        next(lines)
        for row in lines:
            yield int(row[0])


# --- The command --------------------------------------------------------------------------------------------------------


def tell(report: Report, as_json: bool, out: TextIO, err: TextIO) -> int:
    """Writes the report; returns the exit code, 0 when there is no fault. Faults go to `err`, notes and the sum to `out`."""
    if as_json:
        for finding in report.findings:
            out.write(json.dumps({"level": "fault" if finding.fault else "note", **_filled(finding)}, ensure_ascii=False) + "\n")
        counts = {"archives": report.archives, "flows": report.flows, "rows": report.rows, "faults": len(report.faults)}
        out.write(json.dumps({"level": "sum", **counts}) + "\n")
        return 1 if report.faults else 0
    for finding in report.findings:
        (err if finding.fault else out).write(finding.sentence + "\n" if finding.fault else f"Note: {finding.sentence}\n")
    counted = f"{_count(report.archives, 'archive')} of {_count(report.flows, 'flow')} with {_count(report.rows, 'row')}"
    if report.faults:
        err.write(f"{_count(len(report.faults), 'fault')} in {counted}.\n")
        return 1
    out.write(f"{counted}: every file whole, no chain broken, no event twice.\n")
    return 0


def _filled(finding: Finding) -> dict[str, str]:
    found = {"file": finding.file, "flow": finding.flow, "sentence": finding.sentence}
    return {key: value for key, value in found.items() if value}


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Checks a folder of received archives, manifests and checksums.")
    parser.add_argument("folder", metavar="FOLDER", type=Path)
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    options = parser.parse_args(arguments)
    if not options.folder.is_dir():
        parser.error(f"{options.folder} is not a folder.")
    try:
        return tell(check(options.folder), options.json, sys.stdout, sys.stderr)
    except OSError as error:
        sys.stderr.write(f"{error.filename or options.folder} cannot be read: {error.strerror}.\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
