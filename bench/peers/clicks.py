"""The joined clicks as one model over a view, the shape that suits an ORM best: one query, no further look-ups."""

from django.db import models

HEADER = (
    "eventId", "profileId", "businessKey", "firstName", "interests", "campaignId", "campaignName", "campaignType",
    "emailAddress", "sendingMoment", "clickMoment", "linkName", "url", "device", "userAgent",
)  # fmt: skip


class Click(models.Model):
    event_id = models.BigIntegerField(primary_key=True)
    profile_id = models.BigIntegerField(null=True)
    business_key = models.TextField(null=True)
    first_name = models.TextField(null=True)
    interests = models.TextField(null=True)
    campaign_id = models.BigIntegerField(null=True)
    campaign_name = models.TextField(null=True)
    campaign_type = models.TextField(null=True)
    email_address = models.TextField(null=True)
    sending_moment = models.DateTimeField(null=True)
    click_moment = models.DateTimeField(null=True)
    link_name = models.TextField(null=True)
    url = models.TextField(null=True)
    device = models.TextField(null=True)
    user_agent = models.TextField(null=True)

    class Meta:
        app_label = "bench"
        managed = False
        db_table = "bench_click"

    def __str__(self) -> str:
        return str(self.event_id)


FIELDS = tuple(field.name for field in Click._meta.concrete_fields)
