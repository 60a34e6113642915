"""The archive opens everywhere, is the same for the same content, and holds members above 4 GiB."""

import hashlib
import itertools
import os
import shutil
import struct
import subprocess
import zipfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from flows import archive
from flows.errors import LeaseLost

DAY = date(2026, 11, 23)
JAVA_READER = """
import java.io.*; import java.util.zip.*;
public class Read { public static void main(String[] a) throws Exception {
    ZipInputStream in = new ZipInputStream(new BufferedInputStream(new FileInputStream(a[0]), 1 << 20));
    ZipEntry e = in.getNextEntry(); byte[] b = new byte[1 << 20]; long n = 0; int r;
    while ((r = in.read(b)) > 0) n += r;
    System.out.println(e.getName() + " " + n + " " + (in.getNextEntry() == null)); } }
"""


def never() -> None:
    pass


def make(tmp_path: Path, blocks, member="email_click_customers_20261123.csv", day=DAY):
    path = tmp_path / "made.zip"
    return path, archive.write(blocks, member, day, path, never)


def rows(count: int):
    """About 1 MiB a block, varied enough to stay some 20 % of its size."""
    for number in range(count):
        line = hashlib.sha256(b"%d" % number).hexdigest().encode()
        yield b"".join(
            b"%d;%s;2026-11-23T07:15:00Z;https://example.test/%s\n" % (n, line[:40], line[n % 40 :]) for n in range(9000)
        )


def test_the_archive_holds_the_member_and_tells_its_sizes_and_hashes(tmp_path):
    content = b"".join(rows(5))
    path, made = make(tmp_path, rows(5))
    with zipfile.ZipFile(path) as opened:
        (info,) = opened.infolist()
        assert opened.read(info) == content
        assert opened.testzip() is None
    assert info.filename == "email_click_customers_20261123.csv"
    assert info.date_time == (2026, 11, 23, 0, 0, 0)
    assert info.external_attr == 0o100644 << 16
    assert info.compress_type == zipfile.ZIP_DEFLATED
    assert made.csv_bytes == len(content) == info.file_size
    assert made.csv_sha256 == hashlib.sha256(content).hexdigest()
    assert made.archive_bytes == path.stat().st_size
    assert made.archive_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_sizes_stand_in_the_local_header_and_no_zip64_field_below_4_gib(tmp_path):
    path, made = make(tmp_path, [b"eventId\n"])
    head = path.read_bytes()
    signature, version, flags, method, *_, packed, size, _, _ = struct.unpack("<IHHHHHIIIHH", head[:30])
    assert (signature, version, flags, method) == (0x04034B50, 20, 0, 8)
    assert size == made.csv_bytes == 8
    assert 0 < packed < 100
    assert b"\x01\x00\x10\x00" not in head[30:90]


@hypothesis_settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 3 * archive.BLOCK // 2), max_size=5), st.randoms(use_true_random=False))
def test_the_bytes_do_not_depend_on_how_the_blocks_were_cut(tmp_path_factory, cuts, random):
    content = random.randbytes(sum(cuts) // 8) * 8
    points = sorted(min(cut, len(content)) for cut in itertools.accumulate(cuts))
    pieces = [content[a:b] for a, b in itertools.pairwise([0, *points, len(content)])]
    path, made = make(tmp_path_factory.mktemp("cut"), pieces)
    with zipfile.ZipFile(path) as opened:
        assert opened.read(opened.namelist()[0]) == content
    assert archive.write([content], "email_click_customers_20261123.csv", DAY, path, never) == made


@pytest.mark.parametrize("codec", archive.CODECS)
def test_both_codecs_give_a_sound_archive_no_larger_than_expected(tmp_path, settings, codec):
    settings.ARCHIVE_CODEC = codec
    content = b"".join(rows(3))
    path, made = make(tmp_path, [content])
    with zipfile.ZipFile(path) as opened:
        assert opened.read(opened.namelist()[0]) == content
    assert made.archive_bytes < len(content) / 2


def test_a_check_that_raises_stops_the_writing(tmp_path):
    calls = itertools.count()

    def lost() -> None:
        if next(calls) == 2:
            raise LeaseLost("gone")

    with pytest.raises(LeaseLost):
        archive.write(rows(5), "a.csv", DAY, tmp_path / "a.zip", lost)
    assert next(calls) == 3


def test_a_name_beyond_ascii_is_marked_as_utf_8(tmp_path):
    path, _ = make(tmp_path, [b"x\n"], member="clés_20261123.csv")
    with zipfile.ZipFile(path) as opened:
        assert opened.namelist() == ["clés_20261123.csv"]


def readers(path: Path, member: str, size: int, folder: Path) -> None:
    """Every reader that is on this machine takes the archive whole."""
    commands = {
        "unzip": ["unzip", "-t", path],
        "7z": ["7z", "t", path],
        "bsdtar": ["bsdtar", "-tvf", path],
    }
    for tool, command in commands.items():
        if shutil.which(tool):
            subprocess.run(command, check=True, capture_output=True)
        else:
            assert not os.environ.get("CI"), f"{tool} is missing"
    if shutil.which("bsdtar"):
        with path.open("rb") as stream:
            command = f"bsdtar -xOf - {member} | wc -c"
            told = subprocess.run(["sh", "-c", command], stdin=stream, check=True, capture_output=True, text=True)
        assert int(told.stdout) == size
    if shutil.which("javac"):
        (folder / "Read.java").write_text(JAVA_READER)
        told = subprocess.run(["java", folder / "Read.java", path], check=True, capture_output=True, text=True)
        assert told.stdout.strip() == f"{member} {size} true"


def test_every_reader_takes_it(tmp_path):
    path, made = make(tmp_path, rows(20))
    readers(path, "email_click_customers_20261123.csv", made.csv_bytes, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_reader_takes_a_member_above_4_gib(tmp_path):
    """The member passes 4 GiB, the archive does not."""
    block = next(iter(rows(1)))
    count = (1 << 32) // len(block) + 2
    path, made = make(tmp_path, itertools.repeat(block, count))
    assert made.csv_bytes == count * len(block) > 1 << 32
    with zipfile.ZipFile(path) as opened:
        assert opened.infolist()[0].file_size == made.csv_bytes
        assert opened.testzip() is None
    readers(path, "email_click_customers_20261123.csv", made.csv_bytes, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_archive_above_4_gib_has_the_zip64_end(tmp_path):
    """Content that deflate cannot shrink: the central directory starts past 4 GiB."""
    block = os.urandom(archive.BLOCK)
    path, made = make(tmp_path, itertools.repeat(block, 4100))
    assert made.archive_bytes > 1 << 32
    with zipfile.ZipFile(path) as opened:
        assert opened.infolist()[0].file_size == made.csv_bytes
        with opened.open(opened.namelist()[0]) as member:
            assert member.read(archive.BLOCK) == block
    if shutil.which("unzip"):
        subprocess.run(["unzip", "-t", path], check=True, capture_output=True)
