"""Creates or updates many rows at once: they are written into a temporary table, checked there, and merged by one statement."""

import json
from collections.abc import Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

from django.db import connection, models

from . import bulk
from .incoming import File

STAGE = "staged_rows"


class Loaded(NamedTuple):
    """`rows` are those of the file: some were `created`, some `updated`, and the others were the same before."""

    rows: int
    created: int
    updated: int


class Staging:
    """The rows of a file on their way into `model`, to be used in a transaction.

    `owner` and `owner_id` say whose rows they are, `number` is the column that the client's number is in, and
    `columns` are the others. The rows to stage have the line in the file first.
    """

    def __init__(
        self, model: type[models.Model], owner: str, owner_id: int, file: File, number: str, columns: Sequence[str]
    ) -> None:
        self.table, self.file = model._meta.db_table, file
        self.owner, self.owner_id = owner, owner_id
        self.number, self.columns = number, list(columns)

    def __enter__(self) -> Self:
        kinds = {"attributes": "jsonb"} if connection.vendor == "postgresql" else {}
        columns = "".join(f", {column} {kinds.get(column, 'text')}" for column in self.columns)
        if connection.vendor == "sqlite":
            connection.ensure_connection()
            connection.connection.create_function("merged_attributes", 2, merged_attributes, deterministic=True)
        self._run(f"CREATE TEMPORARY TABLE {STAGE} (line bigint, {self.number} bigint{columns})")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # After an error the transaction is rolled back, and the temporary table with it.
        if error is None:
            self._run(f"DROP TABLE {STAGE}")

    def writing(self) -> Any:
        return bulk.writing(STAGE, ["line", self.number, *self.columns])

    def refuse_repeated(self) -> None:
        """Raises LoadError when a number or a business key is there twice: which of the rows counts would be a guess."""
        if connection.vendor == "postgresql":
            self._run(f"ANALYZE {STAGE}")
        names = dict(zip([self.number, *self.columns], self.file.checks, strict=False))
        for column in (self.number, "business_key"):
            if column not in names:
                continue
            found = self._row(
                f"SELECT s.line, f.line, s.{column} FROM {STAGE} s JOIN (SELECT {column} AS value, min(line) AS line FROM {STAGE}"  # noqa: S608
                f" GROUP BY {column} HAVING count(*) > 1) f ON f.value = s.{column} AND s.line > f.line ORDER BY s.line LIMIT 1"
            )
            if found:
                line, first, value = found
                raise self.file.error(line, names[column], f"{value!r} is already in line {first}. Remove one of the two.")

    def refuse_taken_keys(self) -> None:
        """Raises LoadError when a business key belongs to a profile that the file does not give another one."""
        found = self._row(
            f"SELECT s.line, s.business_key, p.profile_id FROM {STAGE} s JOIN {self.table} p ON p.{self.owner} = %s"  # noqa: S608
            f" AND p.business_key = s.business_key AND p.profile_id <> s.profile_id"
            f" WHERE NOT EXISTS (SELECT 1 FROM {STAGE} o WHERE o.profile_id = p.profile_id) ORDER BY s.line LIMIT 1",
            [self.owner_id],
        )
        if found:
            line, key, number = found
            reason = f"{key!r} is the key of profile {number}. Give each profile a key of its own."
            raise self.file.error(line, "businessKey", reason)

    def merge(self) -> Loaded:
        """Writes the staged rows; a row that says nothing new is left alone."""
        differ = "IS NOT" if connection.vendor == "sqlite" else "IS DISTINCT FROM"
        values = list(map(self._merged, self.columns))
        joined = f"FROM {STAGE} s LEFT JOIN {self.table} o ON o.{self.owner} = %s AND o.{self.number} = s.{self.number}"
        changed = " OR ".join(f"o.{column} {differ} {value}" for column, value in zip(self.columns, values, strict=True))
        counts = f"SELECT count(*), count(o.id), count(CASE WHEN o.id IS NOT NULL AND ({changed}) THEN 1 END) {joined}"
        rows, known, updated = self._row(counts, [self.owner_id]) or (0, 0, 0)
        if "business_key" in self.columns:
            self._free_keys()
        names = ", ".join(self.columns)
        changes = ", ".join(f"{column} = excluded.{column}" for column in self.columns)
        differences = " OR ".join(f"{self.table}.{column} {differ} excluded.{column}" for column in self.columns)
        self._run(
            f"INSERT INTO {self.table} ({self.owner}, {self.number}, {names})"
            f" SELECT %s, s.{self.number}, {', '.join(values)} {joined} WHERE true ORDER BY s.line"
            f" ON CONFLICT ({self.owner}, {self.number}) DO UPDATE SET {changes} WHERE {differences}",
            [self.owner_id, self.owner_id],
        )
        return Loaded(rows, rows - known, updated)

    def _free_keys(self) -> None:
        """Takes away the keys that the file gives to others, since two of its profiles may exchange theirs."""
        self._run(
            f"UPDATE {self.table} SET business_key = NULL WHERE {self.owner} = %s AND EXISTS (SELECT 1 FROM {STAGE} s"  # noqa: S608
            f" WHERE s.business_key = {self.table}.business_key AND s.profile_id <> {self.table}.profile_id)",
            [self.owner_id],
        )

    def _merged(self, column: str) -> str:
        if column != "attributes":
            return f"s.{column}"
        if connection.vendor == "sqlite":
            return "merged_attributes(o.attributes, s.attributes)"
        return "jsonb_strip_nulls(coalesce(o.attributes, '{}') || s.attributes)"

    def _run(self, text: str, values: Sequence[Any] | None = None) -> int:
        with connection.cursor() as cursor:
            cursor.execute(text, values)
            return int(cursor.rowcount)

    def _row(self, text: str, values: Sequence[Any] | None = None) -> tuple[Any, ...] | None:
        with connection.cursor() as cursor:
            cursor.execute(text, values)
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row


def merged_attributes(old: str | None, new: str) -> str:
    """The attributes of `old` with those of `new` laid over them, the missing ones left out; JSON texts."""
    merged = {**json.loads(old or "{}"), **json.loads(new)}
    return json.dumps({name: value for name, value in merged.items() if value is not None}, ensure_ascii=False)
