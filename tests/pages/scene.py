"""What the tests of pages and admin look at: two accounts with their people, flows, and runs in every state."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from accounts.models import Account, Attribute, Member, ProfileTable
from flows.models import Delivery, Enrichment, Flow, Run
from transfers.models import Location, Server

PASSWORD = "a calm day at work 7"
DAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
SECRET = "p4ss-never-shown-9c41"
ARCHIVE = b"PK\x05\x06" + b"\0" * 18
ERROR = "Login refused by sftp.acme.test for user actito. Check the password or the key with the server's people."


@dataclass
class Scene:
    acme: Account
    other: Account
    customers: ProfileTable
    server: Server
    location: Location
    clicks: Flow
    foreign_flow: Flow
    foreign_run: Run
    users: dict[str, User] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)


def build() -> Scene:
    acme = Account.objects.create(name="acme", label="Acme Retail", time_zone="Europe/Brussels")
    other = Account.objects.create(name="borealis", label="Borealis", time_zone="America/Toronto")
    customers = ProfileTable.objects.create(account=acme, name="customers")
    ProfileTable.objects.create(account=acme, name="prospects")
    server = Server.objects.create(
        account=acme, name="acme-sftp", protocol="sftp", host="sftp.acme.test", username="actito", password=SECRET
    )
    location = Location.objects.create(
        account=acme, name="daily", server=server, folder="/in/daily", manifest=True, checksum=True, accepted_untested=True
    )
    archive = Location.objects.create(account=acme, name="lake", server=server, folder="/in/lake", accepted_untested=True)
    clicks = _flow(customers, "email_click", [location, archive])
    for place, (name, kind, multi) in enumerate([("firstName", "text", False), ("interests", "text", True)]):
        attribute = Attribute.objects.create(profile_table=customers, name=name, type=kind, multi_valued=multi)
        Enrichment.objects.create(flow=clicks, attribute=attribute, order=place)
    foreign_flow = _flow(ProfileTable.objects.create(account=other, name="customers"), "sms_sent", [])
    foreign_run = _made(foreign_flow, DAY, 1)
    scene = Scene(acme, other, customers, server, location, clicks, foreign_flow, foreign_run)
    _people(scene)
    _runs(scene, archive)
    return scene


def _people(scene: Scene) -> None:
    for name, account, role in [
        ("viewer", scene.acme, Member.Role.VIEWER),
        ("manager", scene.acme, Member.Role.MANAGER),
        ("foreigner", scene.other, Member.Role.MANAGER),
    ]:
        scene.users[name] = User.objects.create_user(name, f"{name}@example.test", PASSWORD)
        Member.objects.create(account=account, user=scene.users[name], role=role)
    scene.users["nobody"] = User.objects.create_user("nobody", password=PASSWORD)
    scene.users["staff"] = User.objects.create_user("staff", password=PASSWORD, is_staff=True)
    scene.users["support"] = User.objects.create_superuser("support", password=PASSWORD)


def _flow(table: ProfileTable, kind: str, locations: list[Location], *, active: bool = True) -> Flow:
    flow = Flow.objects.create(profile_table=table, kind=kind, launch_time=time(2), active=active)
    flow.locations.set(locations)
    return flow


def _made(flow: Flow, day: date, sequence: int, **values: object) -> Run:
    """A run that has made a file, its archive in the storage."""
    name = f"{flow.kind}_{flow.profile_table.name}_{day:%Y%m%d}.zip"
    due = datetime.combine(day, time(1), tzinfo=UTC)
    made: dict[str, object] = {
        "purpose": Run.Purpose.SCHEDULED,
        "status": Run.Status.DONE,
        "sequence": sequence,
        "file_name": name,
        "archive": storages["archives"].save(f"{flow}/{day}/{name}", ContentFile(ARCHIVE)),
        "rows": 18_204 + sequence,
        "first_event_id": 90_000 * sequence,
        "last_event_id": 90_000 * sequence + 18_203,
        "csv_bytes": 4_812_345,
        "csv_sha256": hashlib.sha256(name.encode() + b"csv").hexdigest(),
        "archive_bytes": len(ARCHIVE),
        "archive_sha256": hashlib.sha256(ARCHIVE).hexdigest(),
        "started_at": due + timedelta(seconds=4),
        "finished_at": due + timedelta(seconds=9),
    }
    return Run.objects.create(flow=flow, export_day=day, due_at=due, **{**made, **values})


def _runs(scene: Scene, archive: Location) -> None:
    runs, flow, table = scene.runs, scene.clicks, scene.customers
    delivered = {
        "status": Delivery.Status.DELIVERED,
        "delivered_at": NOW,
        "bytes_sent": len(ARCHIVE),
        "size_verified": True,
        "attempt": 1,
    }
    previous = None
    for sequence, back in enumerate(range(4, 0, -1), start=1):
        day = DAY - timedelta(days=back)
        previous = _made(flow, day, sequence, previous=previous)
        for place in (scene.location, archive):
            names = [f"{place.folder}/{previous.file_name}{end}" for end in ("", ".manifest.json")]
            Delivery.objects.create(run=previous, location=place, remote_names=names, **delivered)
    runs["delivered"] = previous
    runs["delayed"] = _made(flow, DAY, 5, previous=previous)
    Delivery.objects.create(run=runs["delayed"], location=scene.location, **delivered)
    Delivery.objects.create(
        run=runs["delayed"], location=archive, attempt=2, failures=2, error=ERROR, next_attempt_at=NOW + timedelta(minutes=4)
    )
    runs["rebuild"] = _made(
        flow, previous.export_day, 4, purpose="rebuild", revision=2, original=previous, previous=previous.previous
    )
    Delivery.objects.create(run=runs["rebuild"], location=scene.location, **delivered)
    runs["purged"] = _made(_flow(table, "email_sent", [scene.location]), DAY - timedelta(days=9), 1)
    storages["archives"].delete(runs["purged"].archive)
    Run.objects.filter(pk=runs["purged"].pk).update(archive="", purged_at=NOW - timedelta(days=3))
    Delivery.objects.create(run=runs["purged"], location=scene.location, **delivered)
    runs["held"] = _made(_flow(table, "email_opening", [scene.location]), DAY, 1, rows=0)
    Delivery.objects.create(
        run=runs["held"],
        location=scene.location,
        status="held",
        failures=1,
        error="The host key of sftp.acme.test has changed. Sending waits until support has confirmed the new key.",
    )
    runs["sending"] = _made(_flow(table, "goal_transaction", [scene.location]), DAY, 1, archive_bytes=48_000_000)
    Delivery.objects.create(
        run=runs["sending"], location=scene.location, status="running", bytes_sent=31_000_000, started_at=NOW, attempt=1
    )
    runs["made"] = _made(_flow(table, "survey_answer", []), DAY, 1)
    for state, kind, values in [
        ("waiting", "email_hard_bounce", {}),
        ("running", "sms_sent", {"attempt": 1, "started_at": NOW}),
        ("empty", "sms_bounce", {"rows": 0, "finished_at": NOW}),
        (
            "failed",
            "print_ready",
            {"error": "The archive could not be written: no space.", "trace": "Traceback of a test", "finished_at": NOW},
        ),
        ("covered", "audience_ready", {"finished_at": NOW}),
    ]:
        runs[state] = Run.objects.create(
            flow=_flow(table, kind, [scene.location]),
            purpose="scheduled",
            status=state,
            export_day=DAY,
            due_at=datetime.combine(DAY, time(1), tzinfo=UTC),
            **values,
        )
    _flow(table, "email_complaint", [scene.location], active=False)
