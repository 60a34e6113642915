"""The verdict: what lies on the clients' servers, loaded and compared with the events in the database."""

import csv
import io
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from flows import verify
from flows.models import Delivery, Flow, Run
from flows.reconciliation import reconcile
from tests.chaos.world import World


@dataclass
class Verdict:
    """The counts; `wrong` are sentences on everything that must not be, empty when the product has held."""

    events: int = 0
    files: int = 0
    runs: int = 0
    deliveries: int = 0
    wrong: list[str] = field(default_factory=list)

    def judge(self, world: World, half: list[str]) -> None:
        self.wrong += [f"half file under a final name: {sentence}" for sentence in half]
        for flow in world.flows:
            self._flow(world, flow)
        self._chains(world)
        self._history(world)
        for day in reconcile(Flow.objects.all()):
            self.wrong += [f"reconcile: {day.flow} {day.day}: {sentence}" for sentence in day.differences]

    def _flow(self, world: World, flow) -> None:
        """The flow's events against the rows of all its files at the location that it had from the start."""
        model, kind = flow.definition.model, flow.definition
        stored = dict(
            model.objects.filter(profile_table=flow.profile_table_id, kind=kind.number).values_list("pk", "profile_id").iterator()
        )
        received: Counter[int] = Counter()
        altered = 0
        for path in sorted(world.client_folders[flow.first_location].glob(f"{flow.kind}_{flow.profile_table.name}_*.zip")):
            for number, profile in rows(path):
                received[number] += 1
                altered += number in stored and stored[number] != profile
        lost = stored.keys() - received.keys()
        doubled = [number for number, count in received.items() if count > 1]
        foreign = received.keys() - stored.keys()
        for word, found in (
            ("lost", len(lost)),
            ("doubled", len(doubled)),
            ("not committed", len(foreign)),
            ("altered", altered),
        ):
            if found:
                self.wrong.append(f"{flow}: {found} of {len(stored)} events {word}")
        self.events += len(stored)

    def _chains(self, world: World) -> None:
        for folder in world.client_folders.values():
            if not any(folder.iterdir()):
                continue
            report = verify.check(folder)
            self.files += report.archives
            self.wrong += [f"verify: {finding.sentence}" for finding in report.faults]
            self.wrong += [f"leftover on the server: {path}" for path in folder.glob(".*")]

    def _history(self, world: World) -> None:
        for run in Run.objects.exclude(status__in=[Run.Status.DONE, Run.Status.EMPTY, Run.Status.COVERED]):
            self.wrong.append(f"run stuck: {run.pk} of {run} is {run.status}: {run.error}")
        for delivery in Delivery.objects.exclude(status=Delivery.Status.DELIVERED):
            self.wrong.append(f"delivery stuck: {delivery} is {delivery.status}: {delivery.error}")
        self.runs, self.deliveries = Run.objects.count(), Delivery.objects.count()
        portal = world.folder / "portal"
        kept = set(Run.objects.exclude(archive="").values_list("archive", flat=True))
        there = {str(path.relative_to(portal / "archives")) for path in (portal / "archives").rglob("*.zip")}
        self.wrong += [f"archive that no run knows: {name}" for name in sorted(there - kept)]
        self.wrong += [f"archive missing: {name}" for name in sorted(kept - there)]
        self.wrong += [f"unfinished file left: {path.name}" for path in (portal / "work").glob("*")]


def rows(path: Path) -> list[tuple[int, int | None]]:
    """The event and profile numbers of a received file, read as a client reads it."""
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as member:
        lines = csv.DictReader(io.TextIOWrapper(member, encoding="utf-8", newline=""), delimiter=";")
        return [(int(line["eventId"]), int(line["profileId"]) if line["profileId"] else None) for line in lines]
