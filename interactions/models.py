"""What happened: profiles, campaigns, and one append-only event table per family of kinds.

Only `interactions.loading` writes events. Besides the columns below, PostgreSQL keeps in each event row the transaction
that wrote it (`recorded_xid`, see `interactions.position`), which no model needs to know.
"""

from decimal import Decimal
from typing import Any

from django.db import models

from accounts.models import Account, ProfileTable


class ExactDecimalField(models.Field):  # type: ignore[type-arg]
    """A decimal of 18 digits before and 6 after the point, kept exactly: `numeric` on PostgreSQL, canonical text on SQLite."""

    def db_type(self, connection: Any) -> str:
        return "numeric(24, 6)" if connection.vendor == "postgresql" else "text"

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Decimal | None:
        return None if value is None else Decimal(value)


class Profile(models.Model):
    """A profile as it is now. `attributes` maps attribute names to texts in the contract's format; a list is joined with commas.

    A missing name and a null are both a missing value.
    """

    profile_table = models.ForeignKey(ProfileTable, on_delete=models.CASCADE, related_name="profiles")
    profile_id = models.BigIntegerField()
    business_key = models.TextField(null=True, blank=True)
    attributes = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["profile_table", "profile_id"], name="one_profile_per_id"),
            models.UniqueConstraint(fields=["profile_table", "business_key"], name="one_profile_per_business_key"),
        ]

    def __str__(self) -> str:
        return str(self.profile_id)


class Campaign(models.Model):
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="campaigns")
    campaign_id = models.BigIntegerField()
    name = models.TextField(null=True, blank=True)
    type = models.TextField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "campaign_id"], name="one_campaign_per_id")]

    def __str__(self) -> str:
        return f"{self.campaign_id} {self.name or ''}".strip()


class Event(models.Model):
    """What every event has. `id` is the contract's eventId, drawn from one sequence for all families.

    `profile_id` and `campaign_id` are the client's own numbers, joined when a file is made; no constraint holds them, since
    a profile may be unknown. Moments are UTC; lists are texts joined with commas.
    """

    id = models.BigAutoField(primary_key=True)
    profile_table = models.ForeignKey(
        ProfileTable, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    kind = models.PositiveSmallIntegerField()
    profile_id = models.BigIntegerField(null=True)

    class Meta:
        abstract = True


class EmailEvent(Event):
    campaign_id = models.BigIntegerField(null=True)
    email_address = models.TextField(null=True)
    language = models.TextField(null=True)
    version_name = models.TextField(null=True)
    sending_moment = models.DateTimeField(null=True)
    attempt_moment = models.DateTimeField(null=True)
    reason = models.TextField(null=True)
    reason_detail = models.TextField(null=True)
    bounce_moment = models.DateTimeField(null=True)
    bounce_category = models.TextField(null=True)
    smtp_code = models.TextField(null=True)
    bounce_message = models.TextField(null=True)
    opening_moment = models.DateTimeField(null=True)
    click_moment = models.DateTimeField(null=True)
    link_name = models.TextField(null=True)
    url = models.TextField(null=True)
    device = models.TextField(null=True)
    user_agent = models.TextField(null=True)
    unsubscribe_moment = models.DateTimeField(null=True)
    subscription_name = models.TextField(null=True)


class SmsEvent(Event):
    campaign_id = models.BigIntegerField(null=True)
    gsm_number = models.TextField(null=True)
    language = models.TextField(null=True)
    message_parts = models.BigIntegerField(null=True)
    sending_moment = models.DateTimeField(null=True)
    attempt_moment = models.DateTimeField(null=True)
    reason = models.TextField(null=True)
    reason_detail = models.TextField(null=True)
    delivery_moment = models.DateTimeField(null=True)
    bounce_moment = models.DateTimeField(null=True)
    operator_code = models.TextField(null=True)


class PrintEvent(Event):
    campaign_id = models.BigIntegerField(null=True)
    ready_moment = models.DateTimeField(null=True)
    campaign_data = models.TextField(null=True)
    attempt_moment = models.DateTimeField(null=True)
    reason = models.TextField(null=True)
    reason_detail = models.TextField(null=True)
    download_moment = models.DateTimeField(null=True)
    file_name = models.TextField(null=True)
    downloaded_by = models.TextField(null=True)


class AudienceEvent(Event):
    campaign_id = models.BigIntegerField(null=True)
    audience_name = models.TextField(null=True)
    network = models.TextField(null=True)
    ready_moment = models.DateTimeField(null=True)
    attempt_moment = models.DateTimeField(null=True)
    reason = models.TextField(null=True)
    reason_detail = models.TextField(null=True)
    download_moment = models.DateTimeField(null=True)
    file_name = models.TextField(null=True)
    downloaded_by = models.TextField(null=True)


class CallCenterEvent(Event):
    campaign_id = models.BigIntegerField(null=True)
    phone_number = models.TextField(null=True)
    ready_moment = models.DateTimeField(null=True)
    campaign_data = models.TextField(null=True)
    attempt_moment = models.DateTimeField(null=True)
    reason = models.TextField(null=True)
    reason_detail = models.TextField(null=True)
    download_moment = models.DateTimeField(null=True)
    file_name = models.TextField(null=True)
    downloaded_by = models.TextField(null=True)


class GoalEvent(Event):
    campaign_id = models.BigIntegerField(null=True)
    goal_id = models.BigIntegerField(null=True)
    goal_name = models.TextField(null=True)
    url = models.TextField(null=True)
    reach_moment = models.DateTimeField(null=True)
    transaction_id = models.TextField(null=True)
    amount = ExactDecimalField(null=True)
    currency = models.TextField(null=True)


class SurveyEvent(Event):
    form_id = models.BigIntegerField(null=True)
    form_name = models.TextField(null=True)
    participation_id = models.BigIntegerField(null=True)
    participation_moment = models.DateTimeField(null=True)
    update_moment = models.DateTimeField(null=True)
    status = models.TextField(null=True)
    question_name = models.TextField(null=True)
    answer = models.TextField(null=True)


class SubscriptionEvent(Event):
    subscription_name = models.TextField(null=True)
    subscribed = models.BooleanField(null=True)
    update_moment = models.DateTimeField(null=True)
    source_type = models.TextField(null=True)
    source_id = models.TextField(null=True)
    source_name = models.TextField(null=True)
    application = models.TextField(null=True)
    data_collection_source = models.TextField(null=True)
    data_collection_way = models.TextField(null=True)
    data_collection_moment = models.DateTimeField(null=True)


class ComplaintEvent(Event):
    campaign_id = models.BigIntegerField(null=True)
    email_address = models.TextField(null=True)
    complaint_moment = models.DateTimeField(null=True)
    feedback_type = models.TextField(null=True)
    provider = models.TextField(null=True)


class DoNotContactEvent(Event):
    email_address = models.TextField(null=True)
    blacklist_moment = models.DateTimeField(null=True)
    reason = models.TextField(null=True)


EVENT_TABLES: tuple[type[Event], ...] = (
    EmailEvent,
    SmsEvent,
    PrintEvent,
    AudienceEvent,
    CallCenterEvent,
    GoalEvent,
    SurveyEvent,
    SubscriptionEvent,
    ComplaintEvent,
    DoNotContactEvent,
)
