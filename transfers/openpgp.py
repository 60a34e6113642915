"""OpenPGP encryption of archives for the recipients of a location, by the system's gpg in a home of its own that is thrown away."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import gnupg
from django.core.exceptions import ValidationError

from .errors import TransferError

SUFFIX = ".gpg"


@dataclass(frozen=True)
class Recipient:
    """A key that can be encrypted to: its fingerprint, its owner as written in it, and its end (None: no end)."""

    fingerprint: str
    user: str
    expires: datetime | None


@contextmanager
def _keyring(keys: str) -> Iterator[tuple[gnupg.GPG, list[Recipient]]]:
    # gpg's agent opens a socket in the home; its path must stay short.
    with tempfile.TemporaryDirectory(prefix="pgp") as home:
        try:
            gpg = gnupg.GPG(gnupghome=home, options=["--no-autostart"])
        except OSError:
            raise TransferError("gpg is not installed on this machine. Install the package gnupg.", permanent=True) from None
        gpg.encoding = "utf-8"
        yield gpg, _imported(gpg, keys)


def _imported(gpg: gnupg.GPG, keys: str) -> list[Recipient]:
    if "PRIVATE KEY BLOCK" in keys:
        raise TransferError(
            "This is a private OpenPGP key, which only its owner may have. Enter the public one, and have the private one replaced.",
            permanent=True,
        )
    gpg.import_keys(keys)
    found = [_usable(entry) for entry in gpg.list_keys()]
    if not found:
        raise TransferError(
            "No OpenPGP public key was found. Enter its whole text, from -----BEGIN PGP PUBLIC KEY BLOCK to -----END.",
            permanent=True,
        )
    return found


def _usable(entry: dict[str, object]) -> Recipient:
    """A key of gpg's listing (doc/DETAILS of GnuPG), unless nothing can be encrypted to it."""
    user = str((entry["uids"] or [entry["fingerprint"]])[0])  # type: ignore[index]
    trust, capabilities = str(entry["trust"]), str(entry.get("cap", ""))
    expires = datetime.fromtimestamp(int(str(entry["expires"])), UTC) if entry["expires"] else None
    if trust == "r":
        raise TransferError(f"The OpenPGP key of {user} is revoked. Ask its owner for a new one.", permanent=True)
    if trust == "e" or (expires and expires < datetime.now(UTC)):
        when = f" on {expires:%Y-%m-%d}" if expires else ""
        raise TransferError(f"The OpenPGP key of {user} expired{when}. Ask its owner for a new one.", permanent=True)
    if trust in {"i", "d"} or "E" not in capabilities or "D" in capabilities:
        raise TransferError(
            f"The OpenPGP key of {user} cannot be used for encryption. Ask its owner for one that can.", permanent=True
        )
    return Recipient(str(entry["fingerprint"]), user, expires)


def check(keys: str) -> list[Recipient]:
    """The recipients in an armoured text of public keys. Raises TransferError when there is none, or one cannot be used."""
    with _keyring(keys) as (_, recipients):
        return recipients


def validate(keys: str) -> None:
    """For a model's `clean`. Raises ValidationError on the field `pgp_keys`."""
    try:
        check(keys)
    except TransferError as error:
        raise ValidationError({"pgp_keys": str(error)}) from None


def encrypt(source: BinaryIO, keys: str, target: Path) -> None:
    """Writes `target`, readable by each recipient alone, in constant memory; binary, not armoured. Raises TransferError.

    An archive is compressed already, so gpg does not try again.
    """
    with _keyring(keys) as (gpg, recipients):
        result = gpg.encrypt_file(
            source,
            [recipient.fingerprint for recipient in recipients],
            armor=False,
            always_trust=True,
            output=str(target),
            extra_args=["--compress-algo", "none"],
        )
        if not result.ok:
            target.unlink(missing_ok=True)
            raise TransferError(
                f"The file could not be encrypted for {', '.join(recipient.user for recipient in recipients)}: gpg said "
                f"“{result.status or 'nothing'}”. Check the disk space, and the keys of the location."
            )
