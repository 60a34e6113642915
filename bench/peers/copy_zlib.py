"""COPY through psycopg's `Cursor.copy()` into a ZIP of the standard library, at its level 6."""

import zipfile

import psycopg


def export(url: str, statement: str, path: str) -> None:
    with (
        psycopg.connect(url) as connection,
        connection.cursor() as cursor,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive,
        archive.open("clicks.csv", "w", force_zip64=True) as member,
        cursor.copy(statement) as copy,
    ):
        for block in copy:
            member.write(block)
