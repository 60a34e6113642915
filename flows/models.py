"""What is sent, when, and what came of it: flows, their runs, and the deliveries of each run.

Statuses are written by `flows.pipeline`, `flows.schedule`, `flows.reruns` and `flows.recovery` only.
"""

from typing import Any, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from accounts.models import Account, Attribute, ProfileTable
from interactions import position
from interactions.kinds import KIND_CHOICES, KINDS, Kind
from transfers.models import Location

from . import naming


class FlowQuerySet(models.QuerySet["Flow"]):
    def visible_to(self, user: Any) -> Self:
        """The flows of the accounts that `user` is a member of."""
        return self.filter(profile_table__account__in=Account.objects.visible_to(user))

    def named(self, name: str) -> "Flow":
        """The flow that `account/table/kind` names. Raises Flow.DoesNotExist."""
        account, table, kind = (*name.split("/"), "", "", "")[:3]
        if name.count("/") != 2:
            raise self.model.DoesNotExist
        return self.get(profile_table__account__name=account, profile_table__name=table, kind=kind)


ENRICHMENT = """
    SELECT a.* FROM flows_enrichment e JOIN accounts_attribute a ON a.id = e.attribute_id WHERE e.flow_id = %s
    ORDER BY e."order", e.id
"""


class Flow(models.Model):
    """One kind of one profile table, exported every day at its launch time to its locations."""

    class Moments(models.TextChoices):
        UTC = "utc", "UTC, as 2026-11-23T07:15:00Z"
        LOCAL = "local", "Local, as 2026-11-23 08:15:00"

    class WhenEmpty(models.TextChoices):
        HEADER_ONLY = "header_only", "A file with the header line"
        NO_FILE = "no_file", "No file"

    profile_table = models.ForeignKey(ProfileTable, on_delete=models.CASCADE, related_name="flows")
    kind = models.CharField(max_length=32, choices=KIND_CHOICES)
    active = models.BooleanField(default=False)
    launch_time = models.TimeField(help_text="Wall time in the account's time zone.")
    locations = models.ManyToManyField(Location, related_name="flows", blank=True)
    enrichment = models.ManyToManyField(Attribute, through="Enrichment", related_name="flows")
    file_name = models.CharField(
        max_length=200,
        default=naming.DEFAULT_TEMPLATE,
        validators=[naming.known_template],
        help_text="{account} {kind} {table} {yyyyMMdd} {yyyy-MM-dd} {HHmm} {sequence}, ending in .zip.",
    )
    moments = models.CharField(max_length=5, choices=Moments, default=Moments.UTC)
    when_empty = models.CharField(max_length=11, choices=WhenEmpty, default=WhenEmpty.HEADER_ONLY)
    start = models.DateTimeField(
        null=True,
        blank=True,
        help_text="The first file also holds events from this moment on that were recorded before the activation.",
    )
    # Up to here events have been exported; empty before the first activation. Moved with each file, and only then.
    position = models.TextField(blank=True, editable=False)
    sequence = models.PositiveBigIntegerField(default=0, editable=False, help_text="Files made so far.")
    active_since = models.DateTimeField(null=True, blank=True, editable=False)
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    next_launch_at = models.DateTimeField(null=True, blank=True, editable=False, db_index=True)

    objects = FlowQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["profile_table", "kind"], name="one_flow_per_table_and_kind")]
        ordering = ["profile_table__account__name", "profile_table__name", "kind"]

    def __str__(self) -> str:
        return f"{self.profile_table.account.name}/{self.profile_table.name}/{self.kind}"

    @property
    def account(self) -> Account:
        return self.profile_table.account

    @property
    def definition(self) -> Kind:
        """The entry of the catalogue."""
        return KINDS[self.kind]

    def attributes(self) -> list[Attribute]:
        """The enrichment attributes, in the order chosen."""
        return list(Attribute.objects.raw(ENRICHMENT, [self.pk]))

    def save(self, **kwargs: Any) -> None:
        """Also takes the position at the first activation, and plans the next launch.

        An existing row keeps the position, sequence and pause that it has in the database, which others may be changing meanwhile.
        """
        from . import schedule

        schedule.plan(self)
        if self._state.adding:
            self.position = position.current() if self.active else ""
            super().save(**kwargs)
            return
        names = kwargs.pop("update_fields", None)
        if names is None:
            names = {field.name for field in self._meta.concrete_fields if not field.primary_key}
        super().save(update_fields={*names, "active_since", "next_launch_at"} - {"position", "sequence", "paused_at"}, **kwargs)
        if self.active and not self.position:
            Flow.objects.filter(pk=self.pk, position="").update(position=position.current())
            self.refresh_from_db(fields=["position"])


class Enrichment(models.Model):
    """An attribute of the profile that a flow's file carries, at its place."""

    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="enrichments")
    attribute = models.ForeignKey(Attribute, on_delete=models.PROTECT, related_name="+")
    order = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["flow", "attribute"], name="one_enrichment_per_attribute")]
        ordering = ["flow", "order", "pk"]

    def __str__(self) -> str:
        return self.attribute.name

    def clean(self) -> None:
        if self.flow_id and self.attribute_id and self.attribute.profile_table_id != self.flow.profile_table_id:
            raise ValidationError({"attribute": "The attribute belongs to another profile table."})
        if self.attribute_id and self.flow_id and self.attribute.name in self.flow.definition.headers:
            raise ValidationError({"attribute": doubled(self.attribute.name, self.flow.definition)})


def doubled(name: str, kind: Kind) -> str:
    """Why an attribute named like a column of the kind cannot be its enrichment."""
    return f"{name} is a column of {kind.code} already. Rename the attribute in the profile table to use it here."


class RunQuerySet(models.QuerySet["Run"]):
    def visible_to(self, user: Any) -> Self:
        """The runs of the accounts that `user` is a member of."""
        return self.filter(flow__profile_table__account__in=Account.objects.visible_to(user))


class Run(models.Model):
    """One making of one file. A scheduled or manual run moves its flow's position; a rebuild or a date range never does.

    The window is (`lower`, `upper`]: what `upper` holds and `lower` does not, as positions of `interactions.position`.
    With `start`, events of that moment or later that `lower` holds belong to it too. A date range instead holds the events
    whose moment lies in [`range_from`, `range_to`), as far as `upper` holds them.
    """

    class Purpose(models.TextChoices):
        SCHEDULED = "scheduled", "Scheduled"
        MANUAL = "manual", "Run now"
        REBUILD = "rebuild", "Rebuild"
        RANGE = "range", "Date range"

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "File made"
        EMPTY = "empty", "Nothing new, no file"
        COVERED = "covered", "Covered by a later run"
        PAUSED = "paused", "Kept while the flow is paused"
        SKIPPED = "skipped", "Left out by decision"
        CANCELLED = "cancelled", "Cancelled"
        FAILED = "failed", "Failed"

    MOVES_POSITION = (Purpose.SCHEDULED, Purpose.MANUAL)
    UNFINISHED = (Status.WAITING, Status.RUNNING)

    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="runs")
    purpose = models.CharField(max_length=9, choices=Purpose)
    export_day = models.DateField(help_text="The account's local date on which the run was due.")
    due_at = models.DateTimeField(help_text="The moment at which the run was due.")
    status = models.CharField(max_length=9, choices=Status, default=Status.WAITING)
    original = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="rebuilds",
        help_text="The run that this one rebuilds.",
    )
    revision = models.PositiveIntegerField(default=1)
    sequence = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Place of the file among the flow's files, from 1."
    )
    previous = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    lower = models.TextField(blank=True)
    upper = models.TextField(blank=True)
    start = models.DateTimeField(null=True, blank=True)
    range_from = models.DateTimeField(null=True, blank=True)
    range_to = models.DateTimeField(null=True, blank=True)
    backfill = models.ForeignKey("Backfill", null=True, blank=True, on_delete=models.SET_NULL, related_name="runs")
    deliver = models.BooleanField(default=True, help_text="No: the file is only kept for download.")

    attempt = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0, help_text="Failed tries since it was last asked for.")
    lease_until = models.DateTimeField(null=True, blank=True)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    queued_at = models.DateTimeField(null=True, blank=True, help_text="When a worker was last asked to take it.")
    worker = models.CharField(max_length=200, blank=True)
    error = models.TextField(blank=True, help_text="What went wrong, for a person to act on.")
    trace = models.TextField(blank=True, help_text="Where a bug struck, for staff only.")

    file_name = models.CharField(max_length=300, blank=True)
    archive = models.CharField(max_length=600, blank=True, help_text="Name in the archive storage; empty once deleted.")
    rows = models.PositiveBigIntegerField(null=True, blank=True)
    first_event_id = models.BigIntegerField(null=True, blank=True)
    last_event_id = models.BigIntegerField(null=True, blank=True)
    csv_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    csv_sha256 = models.CharField(max_length=64, blank=True)
    archive_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    archive_sha256 = models.CharField(max_length=64, blank=True)
    manifest = models.TextField(blank=True, help_text="The manifest, to the byte.")

    opened_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    purged_at = models.DateTimeField(null=True, blank=True, help_text="When the archive was deleted after its retention.")

    objects = RunQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["flow", "export_day"], condition=Q(purpose="scheduled"), name="one_scheduled_run_per_day"
            ),
            models.UniqueConstraint(
                fields=["flow", "sequence", "revision"], condition=Q(sequence__isnull=False), name="one_file_per_sequence"
            ),
        ]
        indexes = [
            models.Index(fields=["flow", "-id"], name="run_by_flow"),
            models.Index(fields=["next_attempt_at", "id"], condition=Q(status__in=["waiting", "running"]), name="run_unfinished"),
            models.Index(fields=["lease_until"], condition=Q(status="running"), name="run_under_way"),
            models.Index(fields=["-opened_at"], name="run_by_opening"),
        ]
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.flow} {self.export_day}"

    @property
    def moves_position(self) -> bool:
        return self.purpose in self.MOVES_POSITION

    @property
    def account(self) -> Account:
        return self.flow.account

    @property
    def downloadable(self) -> bool:
        return bool(self.archive)


class Backfill(models.Model):
    """A person's request for the events of the days `first_day` to `last_day`, both included, in one file or one a day."""

    flow = models.ForeignKey(Flow, on_delete=models.CASCADE, related_name="backfills")
    first_day = models.DateField()
    last_day = models.DateField()
    per_day = models.BooleanField(default=False, help_text="One file for each day, instead of one for all.")
    asked_by = models.CharField(max_length=150, blank=True)
    asked_at = models.DateTimeField(auto_now_add=True)
    cancelled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.flow} {self.first_day} to {self.last_day}"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def visible_to(self, user: Any) -> Self:
        return self.filter(run__flow__profile_table__account__in=Account.objects.visible_to(user))


class Delivery(models.Model):
    """One run's file on its way to one location."""

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Sending"
        DELIVERED = "delivered", "Delivered"
        HELD = "held", "Held until a person acts"
        CANCELLED = "cancelled", "Cancelled"

    UNFINISHED = (Status.WAITING, Status.RUNNING, Status.HELD)

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="deliveries")
    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="deliveries")
    status = models.CharField(max_length=9, choices=Status, default=Status.WAITING)
    attempt = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0, help_text="Failed tries since it was last asked for.")
    lease_until = models.DateTimeField(null=True, blank=True)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    queued_at = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=200, blank=True)
    error = models.TextField(blank=True, help_text="What went wrong, for a person to act on.")
    trace = models.TextField(blank=True, help_text="Where a bug struck, for staff only.")
    bytes_sent = models.PositiveBigIntegerField(default=0)
    size_verified = models.BooleanField(null=True, help_text="Empty until delivered; no when the server hides sizes.")
    encrypted = models.CharField(max_length=600, blank=True, help_text="Name of the encrypted form in the archive storage.")
    encrypted_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    encrypted_sha256 = models.CharField(max_length=64, blank=True)
    encrypted_for = models.CharField(max_length=64, blank=True, help_text="SHA-256 of the recipients' keys.")
    remote_names = models.JSONField(default=list, blank=True, help_text="Paths written on the server, the archive first.")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    collected_at = models.DateTimeField(
        null=True, blank=True, help_text="When the client had taken the file from a hosted server."
    )
    warned_at = models.DateTimeField(
        null=True, blank=True, help_text="When the account's managers were told that the file will be deleted uncollected."
    )
    removed_at = models.DateTimeField(null=True, blank=True, help_text="When the retention removed it from a hosted server.")

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "location"], name="one_delivery_per_run_and_location")]
        indexes = [
            models.Index(fields=["next_attempt_at"], condition=Q(status__in=["waiting", "running"]), name="delivery_unfinished")
        ]
        ordering = ["-run_id", "location__name"]
        verbose_name_plural = "deliveries"

    def __str__(self) -> str:
        return f"{self.run} to {self.location}"


class Notice(models.Model):
    """A finding of the watchdog that staff have been told of, so that it is not mailed anew at each round."""

    finding = models.TextField(unique=True)
    mailed_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.finding


class FlowRequest(models.Model):
    """A flow that an account's manager asks support for."""

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        DONE = "done", "Done"

    profile_table = models.ForeignKey(ProfileTable, on_delete=models.CASCADE, related_name="flow_requests")
    kind = models.CharField(max_length=32, choices=KIND_CHOICES)
    wish = models.TextField(
        "wishes", blank=True, max_length=2000, help_text="Launch time, attributes of the profile, server and folder."
    )
    status = models.CharField(max_length=4, choices=Status, default=Status.OPEN)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    asked_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.profile_table}/{self.kind}"
