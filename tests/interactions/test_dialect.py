"""The reader and the writer of the CSV dialect."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interactions import dialect
from interactions.dialect import DialectError, Reader

CELLS = st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])) | st.text(';"\n\rab,\\')


def read(data):
    reader = Reader(BytesIO(data))
    lines, rows = [], []
    for batch in reader.batches():
        lines += batch.lines
        rows += map(list, zip(*batch.columns, strict=True))
    return reader.header, lines, rows


@given(st.integers(2, 4).flatmap(lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n))), st.integers(1, 9))
def test_what_is_written_is_read(rows, chunk):
    header = ["a", "b", "c", "d"][: len(rows[0]) if rows else 2]
    data = "".join(";".join(map(dialect.cell, line)) + "\n" for line in [header, *rows]).encode()
    whole, dialect.CHUNK = dialect.CHUNK, chunk  # so that a piece of the stream ends anywhere
    try:
        found = read(data)
    finally:
        dialect.CHUNK = whole
    starts = [2]
    for row in rows:
        starts.append(starts[-1] + 1 + sum((cell or "").count("\n") for cell in row))
    assert found == (header, starts[:-1], rows)


@given(st.lists(CELLS))
def test_a_column_is_written_as_its_cells_are(values):
    assert dialect.cells(values) == [dialect.cell(value) for value in values]


@pytest.mark.parametrize(
    ("value", "written"),
    [(None, ""), ("", '""'), ("a", "a"), (" a", " a"), ("a;b", '"a;b"'), ('"', '""""'), ("\r", '"\r"'), ("a,b", "a,b")],
)
def test_quotes_are_minimal(value, written):
    assert dialect.cell(value) == written


def test_foreign_line_ends_and_a_byte_order_mark_are_let_pass():
    data = '\ufeffa;b\r\n"x\r\ny";1\r\n;""\r\n"";'.encode()
    assert read(data) == (["a", "b"], [2, 4, 5], [["x\r\ny", "1"], [None, ""], ["", None]])


def test_progress_counts_the_bytes():
    seen = []
    Reader(BytesIO(b"a;b\n1;2\n"), seen.append)
    assert sum(seen) == 8


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (b"", 1, "there is no header line. The first line must name the columns."),
        (b"a;b\n1;2\n1\n", 3, "the line has 1 cell, the header 2."),
        (b"a;b\n1;2\n\n", 3, "the line has 1 cell, the header 2."),
        (b"a;b\n1;2;3\n", 2, "the line has 3 cells, the header 2."),
        (b'a;b\n"x\ny";1;2\n', 2, "the line has 3 cells, the header 2."),
        (b'a;b\n1;2\n"x;1\n1;2\n', 3, "a quoted cell is not closed, or a quote is not doubled."),
        (b'a;b\n"a""\n', 2, "a quoted cell is not closed, or a quote is not doubled."),
        (b'a;b\nx"y";1\n', 2, "a quote stands inside a cell. Quote the whole cell and double the quotes in it."),
        (b'a;b\n"x"y;1\n', 2, "a quote stands inside a cell. Quote the whole cell and double the quotes in it."),
        (b'a;b\n"x" ;1\n', 2, "a quote stands inside a cell. Quote the whole cell and double the quotes in it."),
        (b'a;b\n1;2\n"a""b";"c"d"e"\n', 3, "a quote stands inside a cell. Quote the whole cell and double the quotes in it."),
        (b"a;b\n1;x\r\r\n", 2, "there is a carriage return outside quotes. Quote the cell."),
        (b'a;b\n1;"x"\r\r\n', 2, "a quote stands inside a cell. Quote the whole cell and double the quotes in it."),
        (b"a;b\n1;x\ry\n", 2, "there is a carriage return outside quotes. Quote the cell."),
        (b"a;b\n1;2\n1;\xff\n", 3, "there are bytes that are not UTF-8. Save the file as UTF-8."),
        (b"a;b\n1;2\n1;\xc3", 3, "there are bytes that are not UTF-8. Save the file as UTF-8."),
        (b"a;b\n1;\0\n", 2, "there is a NUL character. Remove it."),
    ],
)
def test_what_the_dialect_does_not_allow(data, line, reason):
    with pytest.raises(DialectError) as caught:
        read(data)
    assert (caught.value.line, str(caught.value)) == (line, reason)


def test_a_quote_left_open_does_not_fill_the_memory():
    data = b'a;b\n1;2\n"x;' + b"1" * (dialect.LONGEST_RECORD + dialect.CHUNK * 2)
    with pytest.raises(DialectError, match="longer than 16 million characters. Is a quote left open") as caught:
        read(data)
    assert caught.value.line == 3
