"""Where to: servers with their identity and secrets, and locations (folders) on them."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.utils import timezone

from accounts.models import Account, code_name

from .secrets import SecretField


class Server(models.Model):
    class Protocol(models.TextChoices):
        SFTP = "sftp", "SFTP"
        FTPS = "ftps", "FTPS, explicit TLS"
        FTPS_IMPLICIT = "ftps_implicit", "FTPS, implicit TLS"
        S3 = "s3", "S3-compatible bucket"
        PORTAL = "portal", "Portal only (no transfer)"

    class Encoding(models.TextChoices):
        UTF_8 = "utf-8", "UTF-8"
        LATIN_1 = "latin-1", "Latin-1"

    # What a connection test has tried: it must be passed anew when one of these changes.
    TESTED = (
        "protocol", "host", "port", "username", "password", "private_key", "passphrase", "host_keys", "ca_certificate",
        "pinned_certificate", "tls12_only", "trust_passive_address", "encoding", "can_rename", "can_stat",
    )  # fmt: skip
    DEFAULT_PORTS = {"sftp": 22, "ftps": 21, "ftps_implicit": 990, "s3": 443, "portal": 0}

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="servers")
    name = models.CharField(max_length=63, validators=[code_name])
    protocol = models.CharField(max_length=13, choices=Protocol, default=Protocol.SFTP)
    host = models.CharField(
        max_length=255,
        blank=True,
        help_text="Name or address; for a bucket the end point, such as https://s3.eu-west-1.amazonaws.com.",
    )
    port = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(65535)], help_text="Empty: the protocol's own."
    )
    username = models.CharField(max_length=255, blank=True, help_text="For a bucket the access key.")
    password = SecretField(help_text="For a bucket the secret key.")
    private_key = SecretField(help_text="SFTP: Ed25519, ECDSA or RSA, in OpenSSH or PEM format.")
    passphrase = SecretField(help_text="Of the private key, where it has one.")
    public_key = models.TextField(
        blank=True, editable=False, help_text="The public half of the private key, to give to the server's people."
    )
    host_keys = models.TextField(
        blank=True,
        help_text="SFTP: the server's confirmed host keys, one a line, such as ssh-ed25519 AAAA…; several during a rotation.",
    )
    ca_certificate = models.TextField(blank=True, help_text="FTPS: the PEM of a private CA. Empty: the system's CAs.")
    pinned_certificate = models.CharField(
        max_length=95, blank=True, help_text="FTPS: SHA-256 of the server's certificate in hexadecimal, checked besides the CA."
    )
    hosted = models.BooleanField(default=False, help_text="Ours: files are deleted there after the retention.")
    max_connections = models.PositiveSmallIntegerField(
        default=2,
        validators=[MinValueValidator(1), MaxValueValidator(50)],
        help_text="Connections to this server at the same time.",
    )
    tls12_only = models.BooleanField(
        "TLS 1.2 only", default=False, help_text="FTPS: for servers whose TLS 1.3 session reuse is broken."
    )
    trust_passive_address = models.BooleanField(
        default=False, help_text="FTPS: connect to the address that the server names for data, not to its own."
    )
    encoding = models.CharField(max_length=7, choices=Encoding, default=Encoding.UTF_8, help_text="FTPS: of file names.")
    can_rename = models.BooleanField(
        default=True, help_text="Off for a server that forbids renaming: files are then written under their final name."
    )
    can_stat = models.BooleanField(
        default=True, help_text="Off for a server that hides sizes: deliveries are then marked as unverified."
    )
    # A host key that differs from the pinned ones holds deliveries until a person confirms it.
    seen_host_key = models.TextField(blank=True, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="one_server_per_name")]
        ordering = ["account__name", "name"]

    def __str__(self) -> str:
        return f"{self.account.name}/{self.name}"

    def save(self, **kwargs: Any) -> None:
        """Also takes the passed connection tests from the server's locations when what they tried has changed."""
        changed = _changed(self, kwargs.get("update_fields"))
        super().save(**kwargs)
        if changed:
            self.locations.update(probed_at=None)

    @property
    def effective_port(self) -> int:
        return self.port or self.DEFAULT_PORTS[self.protocol]

    def clean(self) -> None:
        if self.protocol != self.Protocol.PORTAL and not self.host.strip():
            raise ValidationError({"host": "Enter the server's name or address."})
        if self.protocol in {self.Protocol.SFTP, self.Protocol.FTPS, self.Protocol.FTPS_IMPLICIT} and not self.username:
            raise ValidationError({"username": "Enter the user name to log in with."})
        self._clean_identity()

    def _clean_identity(self) -> None:
        """Brings what identifies the server into the form that is compared with. Raises ValidationError."""
        # These know the model, so the model cannot know them at its start.
        from . import ftp_connection, hostkeys

        try:
            self.host_keys = "\n".join(hostkeys.lines(self.host_keys))
        except ValueError as error:
            raise ValidationError({"host_keys": str(error)}) from None
        if self.pinned_certificate and len(ftp_connection.digits(self.pinned_certificate)) != 64:
            raise ValidationError(
                {"pinned_certificate": "Enter the 64 hexadecimal digits of the SHA-256, with or without colons."}
            )
        try:
            ftp_connection.trust(self)
        except ValueError as error:
            raise ValidationError({"ca_certificate": str(error)}) from None


def _changed(row: "Server | Location", update_fields: Iterable[str] | None) -> bool:
    """Whether saving `row` changes something in the database that a connection test has tried."""
    names = {name for name in row.TESTED if update_fields is None or name.removesuffix("_id") in update_fields}
    stored = type(row)._default_manager.filter(pk=row.pk).first() if names and not row._state.adding else None
    return stored is not None and _differ(row, stored, names)


def _differ(one: models.Model, other: models.Model, names: Iterable[str]) -> bool:
    return any(getattr(one, name) != getattr(other, name) for name in names)


def plain_folder(folder: str) -> None:
    """Refuses what a remote path must not hold: NUL, line breaks, and steps up."""
    if any(character in folder for character in "\0\r\n"):
        raise ValidationError("A folder cannot hold line breaks or NUL.")
    if ".." in folder.split("/"):
        raise ValidationError("A folder cannot hold '..'.")


class Location(models.Model):
    """A folder on a server, and which companions go beside each archive there."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="locations")
    name = models.CharField(max_length=63, validators=[code_name])
    server = models.ForeignKey(Server, on_delete=models.PROTECT, related_name="locations")
    folder = models.CharField(max_length=1000, blank=True, validators=[plain_folder], help_text="Empty: the folder after log-in.")
    manifest = models.BooleanField(default=False, help_text="<name>.manifest.json: what the file holds, and the file before it.")
    checksum = models.BooleanField(default=False, help_text="<name>.sha256, as sha256sum writes it.")
    ready = models.BooleanField(default=False, help_text="<name>.ready, empty, always last.")
    pgp_keys = models.TextField("OpenPGP keys", blank=True, help_text="Public keys of the recipients; files are then encrypted.")
    probed_at = models.DateTimeField(
        null=True, editable=False, help_text="When the connection test was passed with the present settings."
    )
    accepted_untested = models.BooleanField(
        "accept untested",
        default=False,
        help_text="Flows may be activated with this location although it has not passed a connection test.",
    )

    COMPANIONS = ("manifest", "checksum", "ready")
    TESTED = ("server_id", "folder")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="one_location_per_name")]
        ordering = ["account__name", "name"]

    def __str__(self) -> str:
        return f"{self.account.name}/{self.name}"

    def clean(self) -> None:
        if self.server_id and self.account_id and self.server.account_id != self.account_id:
            raise ValidationError({"server": "The server belongs to another account."})
        if self.pgp_keys.strip():
            from . import openpgp

            openpgp.validate(self.pgp_keys)

    @property
    def companions(self) -> list[str]:
        return [name for name in self.COMPANIONS if getattr(self, name)]

    @property
    def trusted(self) -> bool:
        """Whether a flow may be activated with it: tested, accepted without a test, or nothing to test."""
        return bool(self.probed_at or self.accepted_untested or self.server.protocol == Server.Protocol.PORTAL)

    def save(self, **kwargs: Any) -> None:
        """Also takes the passed connection test away when what it tried has changed. Only `note_probe` gives one."""
        if self._state.adding:
            super().save(**kwargs)
            return
        changed = _changed(self, kwargs.get("update_fields"))
        names = kwargs.pop("update_fields", None)
        if names is None:
            names = {field.name for field in self._meta.concrete_fields if not field.primary_key}
        super().save(update_fields=set(names) - {"probed_at"}, **kwargs)
        if changed:
            self.probed_at = None
            Location.objects.filter(pk=self.pk).update(probed_at=None)

    def note_probe(self) -> bool:
        """Records a passed connection test; False, and nothing recorded, when what was tried has changed meanwhile."""
        with transaction.atomic():
            server = Server.objects.select_for_update().filter(pk=self.server_id).first()
            location = Location.objects.select_for_update().filter(pk=self.pk).first()
            if server is None or location is None:
                return False
            if _differ(server, self.server, Server.TESTED) or _differ(location, self, self.TESTED):
                return False
            self.probed_at = timezone.now()
            Location.objects.filter(pk=self.pk).update(probed_at=self.probed_at)
        return True
