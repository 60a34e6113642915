"""The check of received files: a sound folder passes, and each sort of damage is named with its file."""

import hashlib
import io
import json
import subprocess
import sys
import tracemalloc
import zipfile
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from flows import verify

ROOT = Path(__file__).resolve().parents[2]
HEADER = "eventId;profileId;businessKey;url"


def archive_bytes(member, csv):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(member, (2026, 11, 1, 0, 0, 0)), csv)
    return packed.getvalue()


def content(ids):
    return "".join([HEADER, "\n", *(f'{event};1;;"a;""b""\nc"\n' for event in ids)])


class Folder:
    """Builds what a client has received: each `add` is the next file of its flow, with companions."""

    def __init__(self, path):
        self.path = path
        self.last = {}

    def add(
        self, ids, sequence, *, kind="email_click", revision=1, name=None, previous="", window=None, companions=True, **manifest
    ):
        name = name or f"{kind}_customers_202611{sequence:02}{'' if revision == 1 else f'_r{revision}'}.zip"
        csv = content(ids)
        data = archive_bytes(name.replace(".zip", ".csv"), csv)
        sha256 = hashlib.sha256(data).hexdigest()
        before = self.last.get((kind, sequence - 1)) if previous == "" else previous
        start, end = window or (f"id:{sequence - 1}", f"id:{sequence}")
        described = {
            "version": 1,
            "account": "acme",
            "table": "customers",
            "kind": kind,
            "sequence": sequence,
            "exportDay": f"2026-11-{sequence:02}",
            "revision": revision,
            "columns": HEADER.split(";"),
            "window": {"from": start, "to": end},
            "rows": len(ids),
            "firstEventId": ids[0] if ids else None,
            "lastEventId": ids[-1] if ids else None,
            "file": {"name": name, "bytes": len(data), "sha256": sha256},
            "csv": {
                "name": name.replace(".zip", ".csv"),
                "bytes": len(csv),
                "sha256": hashlib.sha256(csv.encode()).hexdigest(),
            },
            "previous": before,
            "createdAt": "2026-11-23T01:00:00Z",
            **manifest,
        }
        self.last[kind, sequence] = {"sequence": sequence, "name": name, "sha256": sha256}
        (self.path / name).write_bytes(data)
        if companions:
            (self.path / f"{name}.manifest.json").write_text(json.dumps(described))
            (self.path / f"{name}.sha256").write_text(f"{sha256}  {name}\n")
            (self.path / f"{name}.ready").write_bytes(b"")
        return self.path / name

    def edit(self, name, **changes):
        path = self.path / f"{name}.manifest.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    def remove(self, name):
        for path in self.path.glob(f"{name}*"):
            path.unlink()

    def found(self):
        """The sentences of the faults, and those of the notes."""
        report = verify.check(self.path)
        notes = [finding.sentence for finding in report.findings if not finding.fault]
        return [finding.sentence for finding in report.faults], notes


CLICKS = [[1, 2, 5], [3, 4, 8, 9], [], [10, 11]]
SECOND = "email_click_customers_20261102.zip"


@pytest.fixture
def folder(tmp_path):
    """Four files of one flow, the second with ids below the last of the first, and one of another flow with the same ids."""
    folder = Folder(tmp_path)
    for number, ids in enumerate(CLICKS, 1):
        folder.add(ids, number)
    folder.add([1, 2, 3], 1, kind="email_opening")
    return folder


@pytest.fixture
def bare(tmp_path):
    """The same four files without companions."""
    folder = Folder(tmp_path)
    for number, ids in enumerate(CLICKS, 1):
        folder.add(ids, number, companions=False)
    return folder


def test_a_sound_folder(folder):
    report = verify.check(folder.path)
    assert report.findings == []
    assert (report.archives, report.flows, report.rows) == (5, 2, 12)


def test_files_in_folders_of_folders_are_one_chain(folder):
    (folder.path / "2026" / "11").mkdir(parents=True)
    for path in folder.path.glob("*_20261101.zip*"):
        path.rename(folder.path / "2026" / "11" / path.name)
    assert folder.found() == ([], [])


def test_a_missing_file(folder):
    folder.remove(SECOND)
    assert folder.found()[0] == [
        f"acme/customers/email_click: file 2 ({SECOND}) is missing, before email_click_customers_20261103.zip."
    ]


def test_several_missing_files(folder):
    folder.remove(SECOND)
    folder.remove("email_click_customers_20261103.zip")
    assert folder.found()[0] == [
        "acme/customers/email_click: files 2 to 3 (email_click_customers_20261103.zip) are missing, "
        "before email_click_customers_20261104.zip."
    ]


def test_a_missing_file_whose_companions_are_there(folder):
    (folder.path / SECOND).unlink()
    assert folder.found()[0] == [
        f"{SECOND} is missing, although {SECOND}.manifest.json is there.",
        f"{SECOND} is missing, although {SECOND}.ready is there.",
        f"{SECOND} is missing, although {SECOND}.sha256 is there.",
        f"acme/customers/email_click: file 2 ({SECOND}) is missing, before email_click_customers_20261103.zip.",
    ]


def test_older_files_that_were_deleted_are_a_note(folder):
    folder.remove("email_click_customers_20261101.zip")
    assert folder.found() == ([], ["acme/customers/email_click starts with file 2 here; older ones were not looked for."])


def test_the_newest_file_needs_no_successor(folder):
    folder.remove("email_click_customers_20261104.zip")
    assert folder.found() == ([], [])


def test_a_truncated_file(folder):
    path = folder.path / SECOND
    data = path.read_bytes()
    path.write_bytes(data[:100])
    assert folder.found()[0] == [f"{SECOND} is truncated: it has 100 bytes, its manifest says {len(data)}."]


def test_an_altered_byte(folder):
    path = folder.path / SECOND
    data = bytearray(path.read_bytes())
    data[70] ^= 1
    path.write_bytes(data)
    assert folder.found()[0] == [f"{SECOND} is altered: its SHA-256 is not the one in its manifest."]


def test_a_file_longer_than_it_was(folder):
    path = folder.path / SECOND
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + b"more")
    assert folder.found()[0] == [f"{SECOND} is altered: it has {size + 4} bytes, its manifest says {size}."]


def test_a_file_replaced_together_with_its_manifest(folder):
    last = folder.last.copy()
    folder.add([3, 4, 8], 2)
    assert folder.found()[0] == [
        f"email_click_customers_20261103.zip names another SHA-256 for {SECOND} than that file has: one of the two was replaced."
    ]
    folder.last = last


def test_a_copy_under_another_name(folder):
    copy = folder.path / "email_click_customers_20261105.zip"
    copy.write_bytes((folder.path / SECOND).read_bytes())
    assert folder.found()[0] == [
        "email_click_customers_20261105.zip is altered or renamed: "
        "it holds email_click_customers_20261102.csv and not email_click_customers_20261105.csv alone."
    ]


def test_a_copy_with_its_manifest_in_another_folder(folder):
    (folder.path / "copy").mkdir()
    for path in folder.path.glob(f"{SECOND}*"):
        (folder.path / "copy" / path.name).write_bytes(path.read_bytes())
    assert folder.found()[0] == [
        f"{SECOND} is doubled: copy/{SECOND} is file 2 of acme/customers/email_click already.",
    ]


def test_an_event_in_two_files(folder):
    folder.remove("email_click_customers_20261104.zip")
    folder.add([2, 8, 9, 12], 4)
    assert folder.found()[0] == [
        "email_click_customers_20261104.zip is doubled or altered: it holds event 2, as email_click_customers_20261101.zip does.",
        "email_click_customers_20261104.zip is doubled or altered: "
        "it holds event 8 and 1 more, as email_click_customers_20261102.zip does.",
    ]


def test_a_stranger_among_files_with_manifests(folder):
    folder.add([100], 9, name="other_20261101.zip", companions=False)
    (folder.path / "notes.txt").write_text("hello")
    assert folder.found()[0] == [
        "notes.txt is foreign: it is neither an archive nor a companion of one.",
        "other_20261101.zip is foreign, or its manifest is lost: the other files here have one.",
    ]


def test_a_manifest_switched_on_later(folder):
    for suffix in (".manifest.json", ".sha256", ".ready"):
        (folder.path / f"email_click_customers_20261101.zip{suffix}").unlink()
    assert folder.found() == (
        [],
        [
            "email_click_customers_20261101.zip has no manifest, but a later file names it with its checksum.",
            "acme/customers/email_click starts with file 2 here; older ones were not looked for.",
        ],
    )


def test_a_zip_that_is_not_of_the_portal(bare):
    (bare.path / "photos_20261101.zip").write_bytes(archive_bytes("photos_20261101.csv", "name;size\na;1\n"))
    assert bare.found()[0] == ["photos_20261101.zip is no file of the portal: its header does not start with eventId."]


def test_another_file_under_the_name(folder):
    (folder.path / f"{SECOND}.manifest.json").write_text(
        (folder.path / "email_click_customers_20261101.zip.manifest.json").read_text()
    )
    assert f"{SECOND} is foreign here: its manifest is that of email_click_customers_20261101.zip." in folder.found()[0]


def test_windows_that_do_not_meet(folder):
    folder.remove("email_click_customers_20261104.zip")
    folder.add([10, 11], 4, window=("id:2", "id:4"))
    assert folder.found()[0] == [
        "email_click_customers_20261104.zip does not follow email_click_customers_20261103.zip: "
        "its window starts elsewhere than that one ended."
    ]


@pytest.mark.parametrize(
    ("sequence", "previous", "sentence"),
    [
        (
            1,
            {"sequence": 7, "name": "x.zip", "sha256": "0"},
            "is altered or foreign: as the first file it names x.zip before it.",
        ),
        (2, None, "is altered or foreign: it does not name file 1 as the one before it."),
        (
            2,
            {"sequence": 7, "name": "x.zip", "sha256": "0"},
            "is altered or foreign: it does not name file 1 as the one before it.",
        ),
        (
            2,
            {"sequence": 1, "name": "x.zip", "sha256": "0"},
            "names x.zip as the file before it, and not email_click_customers_20261101.zip.",
        ),
    ],
)
def test_a_false_link(folder, sequence, previous, sentence):
    name = f"email_click_customers_2026110{sequence}.zip"
    folder.edit(name, previous=previous)
    assert folder.found()[0] == [f"{name} {sentence}"]


def test_a_rebuilt_file_replaces_the_first(folder):
    folder.add([3, 4, 8, 9], 2, revision=2, previous=folder.last["email_click", 1])
    assert folder.found() == ([], [])
    folder.remove(SECOND)
    assert folder.found() == (
        [],
        [
            f"email_click_customers_20261103.zip names {SECOND}, of which only another revision is here.",
        ],
    )


def test_a_successor_may_name_the_rebuilt_file(folder):
    folder.remove("email_click_customers_20261103.zip")
    folder.remove("email_click_customers_20261104.zip")
    folder.add([3, 4, 8, 9], 2, revision=2)
    folder.add([], 3)
    assert folder.found() == ([], [])


def test_a_rebuilt_file_with_another_window(folder):
    folder.add([3, 4, 8, 9], 2, revision=2, window=("id:1", "id:9"), previous=folder.last["email_click", 1])
    assert folder.found()[0] == [f"email_click_customers_20261102_r2.zip has another window than {SECOND}, which it replaces."]


def test_a_date_range_is_outside_the_chain(folder):
    folder.add([1, 2, 3], 5, previous=None, name="email_click_customers_range.zip")
    folder.edit("email_click_customers_range.zip", sequence=None)
    assert folder.found() == ([], [])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"rows": 3}, "has 4 rows, its manifest says 3."),
        ({"columns": ["eventId"]}, "has another header than its manifest says."),
        ({"lastEventId": 8}, "holds the events 3 to 9, its manifest says 3 to 8."),
        (
            {"csv": {"name": SECOND.replace("zip", "csv"), "bytes": 1, "sha256": "0"}},
            "holds another CSV than its manifest says: sizes or SHA-256 differ.",
        ),
        ({"csv": {"name": "x.csv", "bytes": 1, "sha256": "0"}}, "does not hold x.csv, of which its manifest tells."),
    ],
)
def test_a_manifest_that_says_otherwise(folder, changes, sentence):
    folder.edit(SECOND, **changes)
    assert folder.found()[0] == [f"{SECOND} {sentence}"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "is not a manifest: it is not JSON, or it is cut short."),
        ("[]", "is not a manifest of the portal."),
        ('{"version": 2}', "is of version 2, and this script knows version 1 only. Get a newer script."),
        ('{"version": 1}', "was altered: account is missing or of another sort."),
    ],
)
def test_a_manifest_that_is_none(folder, text, sentence):
    name = "email_opening_customers_20261101.zip"
    (folder.path / f"{name}.manifest.json").write_text(text)
    assert folder.found()[0] == [
        f"{name}.manifest.json {sentence}",
        f"{name} is foreign, or its manifest is lost: the other files here have one.",
    ]


def test_a_checksum_that_differs(folder):
    (folder.path / f"{SECOND}.sha256").write_text(f"{'0' * 64}  {SECOND}\n")
    (folder.path / "email_click_customers_20261103.zip.sha256").write_text(f"{'0' * 64}  other.zip\n")
    (folder.path / "email_click_customers_20261104.zip.ready").write_text("yes")
    assert folder.found()[0] == [
        "email_click_customers_20261104.zip.ready is not empty.",
        f"{SECOND} is altered: its SHA-256 is not the one in {SECOND}.sha256.",
        "email_click_customers_20261103.zip cannot be checked by email_click_customers_20261103.zip.sha256, which names another file.",
    ]


def test_files_without_manifests(bare):
    assert bare.found() == ([], ["There are no manifests here: whether a file is missing cannot be told."])


def test_an_event_in_two_files_without_manifests(bare):
    bare.add([9, 12], 5, companions=False)
    bare.add([9, 12], 5, revision=2, companions=False)
    assert bare.found()[0] == [
        "email_click_customers_20261105_r2.zip is doubled or altered: it holds event 9, as email_click_customers_20261102.zip does."
    ]


@pytest.mark.parametrize(
    ("csv", "sentence"),
    [
        (f"{HEADER}\n1;2;;a\n2;2;;b", "is truncated: its CSV does not end with a line break."),
        (f"{HEADER}\n1;2;;a\n2;2;b\n", "is altered: row 2 has 3 cells, the header 4."),
        (f'{HEADER}\n1;2;;a\n2;2;;"b\n', "is altered: its CSV cannot be read after row 1 (unexpected end of data)."),
        (f"{HEADER}\n1;2;;a\n1;2;;b\n", "holds event 1 twice (row 2)."),
        (f"{HEADER}\n7;2;;a\n1;2;;b\n", "is altered: event 1 is not in ascending order (row 2)."),
        (f"{HEADER}\nx;2;;a\n", "is altered: row 1 has no event id."),
        ("", "is no file of the portal: its header does not start with eventId."),
        (f"{HEADER}\n1;2;;".encode() + b"\xff\n", "is altered: its CSV is not UTF-8."),
    ],
)
def test_damage_inside_a_file_without_manifest(bare, csv, sentence):
    (bare.path / SECOND).write_bytes(archive_bytes(SECOND.replace(".zip", ".csv"), csv))
    assert bare.found()[0] == [f"{SECOND} {sentence}"]


@pytest.mark.parametrize("size", [0, 10, 60, 120])
def test_a_truncated_file_without_manifest(bare, size):
    path = bare.path / SECOND
    path.write_bytes(path.read_bytes()[:size])
    (sentence,) = bare.found()[0]
    assert sentence.startswith(f"{SECOND} is truncated or altered: it is not a whole ZIP archive (")


def test_every_flipped_byte_of_the_data_is_found_without_manifest(bare):
    path = bare.path / SECOND
    data = path.read_bytes()
    start = data.index(b".csv") + 4
    for place in range(start, data.index(b"PK\x01\x02")):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert len(bare.found()[0]) == 1, place


def test_temporary_and_encrypted_files_are_notes(folder):
    (folder.path / ".email_click_customers_20261105.zip.part").write_bytes(b"PK")
    (folder.path / "email_click_customers_20261106.zip.gpg").write_bytes(b"secret")
    folder_found = folder.found()
    assert folder_found[1] == [
        ".email_click_customers_20261105.zip.part is an upload that has not ended; it was left out.",
        "email_click_customers_20261106.zip.gpg is encrypted: its content was not checked.",
    ]


def test_an_empty_folder(tmp_path):
    assert Folder(tmp_path).found() == (["There is no archive in the folder."], [])


def test_many_files_with_interleaved_events(tmp_path):
    folder = Folder(tmp_path)
    for number in range(1, 21):
        folder.add(list(range(number, 4_000, 20)), number, companions=False)
    folder.add([21, 5_000], 21, companions=False)
    assert folder.found()[0] == [
        "email_click_customers_20261121.zip is doubled or altered: it holds event 21, as email_click_customers_20261101.zip does."
    ]


def test_memory_does_not_grow_with_the_files(tmp_path):
    folder = Folder(tmp_path)

    def peak(rows):
        for number in (1, 2):
            folder.add(range(number, 2 * rows, 2), number, companions=False)
        tracemalloc.start()
        assert folder.found()[0] == []
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(100_000) < peak(2_000) + 1_000_000


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-S", "-E", ROOT / "deploy" / "verify.py", *arguments], capture_output=True, text=True, cwd="/"
    )


def test_the_script_alone(folder):
    done = run(folder.path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "5 archives of 2 flows with 12 rows: every file whole, no chain broken, no event twice.\n"
    folder.remove(SECOND)
    done = run(folder.path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"acme/customers/email_click: file 2 ({SECOND}) is missing, before email_click_customers_20261103.zip.\n"
        "1 fault in 4 archives of 2 flows with 8 rows.\n"
    )


def test_the_script_as_json(folder):
    folder.remove(SECOND)
    done = run("--json", folder.path)
    assert done.returncode == 1
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {
            "level": "fault",
            "file": "email_click_customers_20261103.zip",
            "flow": "acme/customers/email_click",
            "sentence": f"acme/customers/email_click: file 2 ({SECOND}) is missing, before email_click_customers_20261103.zip.",
        },
        {"level": "sum", "archives": 4, "flows": 2, "rows": 8, "faults": 1},
    ]


def test_wrong_arguments_of_the_script(tmp_path):
    assert run().returncode == 2
    done = run(tmp_path / "none")
    assert done.returncode == 2
    assert f"{tmp_path / 'none'} is not a folder." in done.stderr


def test_the_command(folder):
    out, err = StringIO(), StringIO()
    call_command("verify", str(folder.path), stdout=out, stderr=err)
    assert out.getvalue() == "5 archives of 2 flows with 12 rows: every file whole, no chain broken, no event twice.\n"
    folder.remove(SECOND)
    with pytest.raises(SystemExit) as caught:
        call_command("verify", str(folder.path), stdout=out, stderr=err)
    assert caught.value.code == 1
    assert err.getvalue().endswith("1 fault in 4 archives of 2 flows with 8 rows.\n")
    with pytest.raises(CommandError) as refused:
        call_command("verify", str(folder.path / "none"))
    assert refused.value.returncode == 2
