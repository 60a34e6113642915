"""The form in which a run's file goes to one location: as it is, or encrypted for the location's OpenPGP recipients.

The encrypted form is made once and kept beside the archive, so that the same name always holds the same bytes.
"""

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from transfers import openpgp

from . import archives, manifest
from .lease import Lease
from .models import Delivery


@dataclass(frozen=True)
class Form:
    """What is sent: its name there, its name in the archive storage, size in bytes, SHA-256 and manifest."""

    name: str
    stored: str
    size: int
    sha256: str
    manifest: str


def form(delivery: Delivery, lease: Lease) -> Form:
    """What is sent to the delivery's location; encrypted first where that has not been done. Raises TransferError."""
    run = delivery.run
    if not delivery.location.pgp_keys.strip():
        return Form(run.file_name, run.archive, run.archive_bytes or 0, run.archive_sha256, run.manifest)
    recipients = hashlib.sha256(delivery.location.pgp_keys.encode()).hexdigest()
    if not delivery.encrypted or delivery.encrypted_for != recipients:
        _encrypt(delivery, lease, recipients)
    name = run.file_name + openpgp.SUFFIX
    told = json.loads(run.manifest)
    told["encrypted"] = {"name": name, "bytes": delivery.encrypted_bytes, "sha256": delivery.encrypted_sha256}
    return Form(name, delivery.encrypted, delivery.encrypted_bytes or 0, delivery.encrypted_sha256, manifest.as_text(told))


def _encrypt(delivery: Delivery, lease: Lease, recipients: str) -> None:
    """Makes and stores the encrypted form, and records it. Those of earlier attempts, or for other recipients, are removed."""
    run = delivery.run
    path = archives.work_folder() / f"run-{delivery.run_id}-delivery-{delivery.pk}-{delivery.attempt}{openpgp.SUFFIX}"
    try:
        with archives.opened(run.archive) as source:
            openpgp.encrypt(source, delivery.location.pgp_keys, path)
        with path.open("rb") as file:
            delivery.encrypted_sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        delivery.encrypted_bytes = path.stat().st_size
        delivery.encrypted = archives.keep(path, _stored_name(delivery, delivery.attempt))
    finally:
        path.unlink(missing_ok=True)
    delivery.encrypted_for = recipients
    lease.write(
        encrypted=delivery.encrypted,
        encrypted_bytes=delivery.encrypted_bytes,
        encrypted_sha256=delivery.encrypted_sha256,
        encrypted_for=recipients,
    )
    for attempt in range(1, delivery.attempt):
        archives.storage().delete(_stored_name(delivery, attempt))


def _stored_name(delivery: Delivery, attempt: int) -> str:
    return f"{delivery.run.archive.removesuffix('.zip')}-{delivery.pk}-{attempt}.zip{openpgp.SUFFIX}"


def files(sent: Form, companions: list[str]) -> Iterator[tuple[str, BinaryIO, int]]:
    """Name, content and size in bytes of the file and of each companion, in the order of sending."""
    yield sent.name, archives.opened(sent.stored), sent.size
    contents = {
        "manifest": (f"{sent.name}.manifest.json", sent.manifest),
        "checksum": (f"{sent.name}.sha256", manifest.checksum(sent.name, sent.sha256)),
        "ready": (f"{sent.name}.ready", ""),
    }
    for companion in companions:
        name, text = contents[companion]
        content = text.encode()
        yield name, io.BytesIO(content), len(content)
