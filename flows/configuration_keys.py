"""Reads the keys of one TOML table, each of its type, and notes what is wrong with the path of the key."""

import base64
import binascii
import difflib
import os
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

Item = TypeVar("Item")
REQUIRED: Any = object()
TYPES: dict[type, str] = {
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "a table",
    datetime: "a moment",
}


def closest(word: str, known: Iterable[str]) -> str:
    """` Did you mean …?` when one of the known words is near, else nothing."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean {near[0]}?" if near else ""


class Table:
    """A table of the file at `path`, such as `account[0].flow[2]`; `folder` is where relative file names start.

    Reading a key that is missing or wrong notes a problem and gives the type's empty value, so that reading goes on.
    """

    def __init__(self, data: dict[str, Any], path: str, folder: Path, problems: list[str] | None = None) -> None:
        self.data = data
        self.path = path
        self.folder = folder
        self.problems: list[str] = [] if problems is None else problems
        self._read: set[str] = set()

    def key(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def refuse(self, name: str, sentence: str) -> None:
        self.problems.append(f"{self.key(name)}: {sentence}")

    def has(self, name: str) -> bool:
        self._read.add(name)
        return name in self.data

    def finish(self) -> None:
        """Notes every key that nobody has read."""
        for name in self.data:
            if name not in self._read:
                self.refuse(name, f"this key is not known.{closest(name, self._read)}")

    def unique(self, name: str, entries: Sequence[Item], label: Callable[[Item], str]) -> None:
        """Notes entries that have the label of an earlier one."""
        seen: dict[str, int] = {}
        for place, entry in enumerate(entries):
            if label(entry) in seen:
                self.refuse(f"{name}[{place}]", f"{label(entry)} is there already, as {self.key(name)}[{seen[label(entry)]}].")
            seen.setdefault(label(entry), place)

    def known(self, name: str, value: str, words: Iterable[str], what: str) -> None:
        if value not in set(words):
            self.refuse(name, f"{value!r} is not {what}.{closest(value, words)}")

    def _value(self, name: str, kind: type, default: Any) -> Any:
        if not self.has(name):
            if default is REQUIRED:
                self.refuse(name, "this key is missing.")
                return kind()
            return default
        value = self.data[name]
        # In Python, True is an integer too.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.refuse(name, f"{TYPES[kind]} is expected, not {TYPES.get(type(value), 'this')}.")
            return kind() if default is REQUIRED else default
        return value

    def text(self, name: str, default: str = REQUIRED) -> str:
        value: str = self._value(name, str, default)
        if name in self.data and default is REQUIRED and isinstance(self.data[name], str) and not value:
            self.refuse(name, "this key is empty.")
        return value

    def flag(self, name: str, default: bool) -> bool:
        return bool(self._value(name, bool, default))

    def number(self, name: str, default: int | None, least: int, most: int) -> int | None:
        value: int | None = self._value(name, int, default)
        if value is not None and not least <= value <= most:
            self.refuse(name, f"{value} is not between {least} and {most}.")
        return value

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        value: str = self._value(name, str, default)
        if value not in choices:
            self.refuse(name, f"{value!r} is not one of {', '.join(choices)}.{closest(value, choices)}")
        return value

    def texts(self, name: str) -> list[str]:
        """A list of texts, none of them twice; empty when the key is not there."""
        values: list[str] = []
        for place, value in enumerate(self._value(name, list, [])):
            if not isinstance(value, str):
                self.refuse(f"{name}[{place}]", f"a text is expected, not {TYPES.get(type(value), 'this')}.")
            elif value in values:
                self.refuse(f"{name}[{place}]", f"{value} is in the list already.")
            else:
                values.append(value)
        return values

    def tables(self, name: str) -> list["Table"]:
        """The tables of an array of tables; empty when the key is not there."""
        found = []
        for place, value in enumerate(self._value(name, list, [])):
            path = f"{self.key(name)}[{place}]"
            if isinstance(value, dict):
                found.append(Table(value, path, self.folder, self.problems))
            else:
                self.problems.append(f"{path}: a table is expected, not {TYPES.get(type(value), 'this')}.")
        return found

    def wall_time(self, name: str) -> time | None:
        """`HH:MM`, as a text or as a TOML time."""
        value = self.data.get(name)
        self._read.add(name)
        if isinstance(value, time) and not value.second and not value.microsecond:
            return value
        if isinstance(value, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value, re.ASCII):
            return time.fromisoformat(value)
        self.refuse(name, "this key is missing." if value is None else f"{value!s} is not a time of the day, such as 02:00.")
        return None

    def moment(self, name: str, zone: ZoneInfo) -> datetime | None:
        """A moment, as a text or as TOML's own; without an offset it is in `zone`. In UTC, None when the key is not there."""
        if not self.has(name):
            return None
        value = self.data[name]
        try:
            found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
            return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
        except (TypeError, ValueError, OverflowError):
            self.refuse(name, f"{value!s} is not a moment, such as 2026-11-01T00:00:00Z.")
            return None

    def content(self, name: str) -> str:
        """The text of the file that the key names, as it is; empty when the key is not there or the file cannot be read."""
        file = self.text(name, "")
        if not file:
            return ""
        path = self.folder / file
        try:
            return path.read_bytes().decode()
        except OSError as error:
            self.refuse(name, f"the file {path} cannot be read: {error.strerror}.")
        except UnicodeDecodeError:
            self.refuse(name, f"the file {path} is not a text.")
        return ""

    def secret(self, name: str) -> str | None:
        """The secret that `<name>_env` or `<name>_file` gives, without the line break at a file's end; None when neither is there."""
        variable, file = f"{name}_env", f"{name}_file"
        if self.has(variable) and self.has(file):
            self.refuse(variable, f"give either {variable} or {file}, not both.")
            return None
        if variable in self.data:
            return self._environment(variable)
        if not self.has(file):
            return None
        before = len(self.problems)
        value = self.content(file)
        if not value.strip() and len(self.problems) == before:
            self.refuse(file, "the file is empty.")
        return value if name == "private_key" else value.removesuffix("\n").removesuffix("\r")

    def _environment(self, name: str) -> str | None:
        variable = self.text(name)
        value = os.environ.get(variable)
        if variable and not value:
            self.refuse(name, f"the environment variable {variable} is {'not set' if value is None else 'empty'}.")
        return value or None

    def certificates(self, name: str) -> str:
        """The PEM of one or more certificates, from the file that the key names."""
        content = self.content(name)
        if content:
            try:
                x509.load_pem_x509_certificates(content.encode())
            except ValueError:
                self.refuse(name, f"the file {self.folder / self.data[name]} holds no certificate in PEM format.")
        return content

    def host_keys(self, name: str) -> list[str]:
        """Lines of type and key; a comment at the end is left out."""
        lines = []
        for place, line in enumerate(self.texts(name)):
            if sentence := not_a_host_key(line):
                self.refuse(f"{name}[{place}]", sentence)
            lines.append(" ".join(line.split()[:2]))
        return lines


def not_a_host_key(line: str) -> str | None:
    """Why `line` is no public key as OpenSSH writes it (type, base64, comment; RFC 4253, section 6.6), None when it is one."""
    words = line.split()
    form = "Give the type and the key, such as ssh-ed25519 AAAA…, as ssh-keyscan prints them after the host's name."
    if len(words) < 2:
        return f"this is not a public key. {form}"
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (binascii.Error, ValueError):
        return f"this is not a public key: its second word is not base64. {form}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            load_ssh_public_key(" ".join(words[:2]).encode())
    except (ValueError, UnsupportedAlgorithm):
        length = int.from_bytes(blob[:4], "big")
        inside = blob[4 : 4 + length].decode("ascii", "replace")
        if inside != words[0] and inside.startswith(("ssh-", "ecdsa-")):
            return f"the key is of the type {inside}, not {words[0]}. {form}"
        return f"this is not a public key of a type that is known here, or it is cut short. {form}"
    return None
