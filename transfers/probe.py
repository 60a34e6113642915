"""The connection test of a location, in named steps; it leaves nothing behind on the server."""

import contextlib
import io
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from .client import PROTOCOLS, Client
from .errors import TransferError, failure, folder_name, network_cause
from .models import Location, Server
from .network import resolve

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
# A certificate with fewer days than this left is worth a word.
SOON = 30


@dataclass(frozen=True)
class Step:
    """One step: its name, "passed", "failed" or "skipped", a sentence (what was found, or what to do), and its time."""

    name: str
    outcome: str
    sentence: str
    seconds: float


class _Skip(Exception):
    """A step that does not apply here; the text says why."""


class _Attempt:
    """The steps over one client and one small file of a name that nothing else uses."""

    def __init__(self, location: Location, client: Client) -> None:
        self.server = location.server
        self.folder = location.folder
        self.client = client
        self.data = b"Connection test of the export portal. This file may be removed.\n"
        name = f"portal-test-{secrets.token_hex(6)}"
        self.temporary, self.final = f".{name}.part", f"{name}.txt"
        self.renames = self.server.can_rename and not client.atomic
        self.present: str | None = None
        self.written_at = datetime.now(UTC)

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        return [
            ("Resolve", self.resolve), ("Connect", self.connect), ("Identity", self.identify), ("Log in", self.log_in),
            ("Folder", self.enter), ("Write", self.write), ("Size", self.size), ("Rename", self.rename),
            ("Read back", self.read), ("Clock", self.clock), ("Remove", self.remove), ("Certificate", self.certificate),
        ]  # fmt: skip

    def resolve(self) -> str:
        if "://" in self.server.host or self.server.protocol == Server.Protocol.S3:
            raise _Skip("The store's own client resolves the end point.")
        try:
            return f"{self.server.host} is at {', '.join(resolve(self.server))}."
        except OSError as error:
            raise failure(self.server, "connect", network_cause(error, self.client.timeout)) from None

    def connect(self) -> str:
        self.client.reach()
        return f"Port {self.server.effective_port} answers." if "://" not in self.server.host else "The end point is known."

    def identify(self) -> str:
        self.client.identify()
        return self.client.identity()

    def log_in(self) -> str:
        self.client.log_in()
        if self.server.protocol == Server.Protocol.S3:
            raise _Skip("Each request carries the keys; the next steps show whether they are accepted.")
        return f"Logged in as {self.server.username}."

    def enter(self) -> str:
        self.client.check_folder(self.folder)
        return f"The {folder_name(self.folder)} is there."

    def write(self) -> str:
        self.present = self.temporary if self.renames else self.final
        self.written_at = datetime.now(UTC)
        self.client.write(io.BytesIO(self.data), len(self.data), self.folder, self.present)
        return f"{len(self.data)} bytes were written."

    def size(self) -> str:
        if not self.server.can_stat:
            raise _Skip("Sizes are switched off for this server; deliveries are marked as unverified.")
        found = self.client.size(self.folder, self.present or "")
        if found is None:
            raise _Skip("The server hides sizes; deliveries are marked as unverified. Switch sizes off for this server.")
        if found != len(self.data):
            raise TransferError(f"{self.server.host} says {found} instead of {len(self.data)} bytes. Check its disk space.")
        return f"The server says {found} bytes, as written."

    def rename(self) -> str:
        if self.client.atomic:
            raise _Skip("A file appears there only when it is whole; nothing needs to be renamed.")
        if not self.server.can_rename:
            raise _Skip("Renaming is switched off for this server; files are written under their final name.")
        try:
            self.client.rename(self.folder, self.temporary, self.final)
        except TransferError as error:
            raise TransferError(f"{error} If the server forbids renaming, switch it off for this server.") from None
        self.present = self.final
        return "The file appeared under its final name."

    def read(self) -> str:
        try:
            found = b"".join(self.client.read(self.folder, self.present or ""))
        except TransferError as error:
            raise _Skip(f"The server does not let files be read, which deliveries do not need. {error}") from None
        if found != self.data:
            raise TransferError(f"{self.server.host} gave back other bytes than were written. Ask its people to look into it.")
        return "The same bytes came back."

    def clock(self) -> str:
        moment = self.client.modified_at(self.folder, self.present or "")
        if moment is None:
            raise _Skip("The server does not tell the time of a file.")
        seconds = round((moment - self.written_at).total_seconds())
        if abs(seconds) <= 2:
            return "The server's clock agrees with ours."
        return f"The server's clock is {abs(seconds)} seconds {'ahead of' if seconds > 0 else 'behind'} ours; deliveries do not depend on it."

    def remove(self) -> str:
        self.client.remove(self.folder, self.present or "")
        self.present = None
        return "The test file was removed."

    def certificate(self) -> str:
        end = self.client.certificate_end()
        if end is None:
            raise _Skip("There is no certificate with an end.")
        days = (end - datetime.now(UTC)).days
        advice = " Have it renewed soon." if days < SOON else ""
        return f"The certificate is valid until {end:%Y-%m-%d}, for {days} more days.{advice}"

    def clean_up(self) -> None:
        if self.present and not self.client.broken:
            for name in (self.temporary, self.final):
                with contextlib.suppress(TransferError):
                    self.client.remove(self.folder, name)
        self.client.close()


def probe(location: Location) -> Iterator[Step]:
    """Tests a location, step by step as they are done. After a failed step the others are skipped.

    A test that is taken to its end without a failed step is noted on the location.
    """
    server = location.server
    if server.protocol == Server.Protocol.PORTAL:
        yield Step("Portal", PASSED, "Nothing is transferred: files are downloaded from the history.", 0.0)
        return
    try:
        attempt = _Attempt(location, PROTOCOLS[server.protocol](server))
    except TransferError as error:
        yield Step("Secrets", FAILED, str(error), 0.0)
        return
    failed = False
    try:
        for name, action in attempt.steps():
            step = Step(name, SKIPPED, "A step before it failed.", 0.0) if failed else _carried_out(name, action)
            failed = failed or step.outcome == FAILED
            yield step
        if not failed:
            location.note_probe()
    finally:
        attempt.clean_up()


def _carried_out(name: str, action: Callable[[], str]) -> Step:
    start = time.perf_counter()
    try:
        outcome, sentence = PASSED, action()
    except _Skip as reason:
        outcome, sentence = SKIPPED, str(reason)
    except TransferError as error:
        outcome, sentence = FAILED, str(error)
    return Step(name, outcome, sentence, time.perf_counter() - start)
