"""Who: accounts with a time zone, their members, and their profile tables with typed attributes."""

import zoneinfo
from typing import Any, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models

code_name = RegexValidator(
    r"\A[a-z0-9][a-z0-9_-]{0,62}\Z",
    "Use up to 63 lower-case letters, digits, '-' and '_', starting with a letter or a digit.",
)
# An attribute's name is a cell of the header line and a key of a configuration file.
attribute_name = RegexValidator(
    r"\A[^\W\d][\w.-]{0,62}\Z", "Use up to 63 letters, digits, '_', '-' and '.', starting with a letter."
)


def time_zones() -> list[tuple[str, str]]:
    """Every IANA zone known to this machine, for a choice list."""
    return [(name, name) for name in sorted(zoneinfo.available_timezones())]


def known_time_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(f"{name!r} is not a time zone of the IANA list, such as Europe/Brussels.")


class AccountQuerySet(models.QuerySet["Account"]):
    def visible_to(self, user: Any) -> Self:
        """The accounts whose data `user` may see on the clients' pages: those of an active membership.

        The one place that decides who sees what; every client-facing query filters through it.
        """
        if not user.is_authenticated or not user.is_active:
            return self.none()
        return self.filter(pk__in=Member.objects.filter(user=user).values("account"))


class Account(models.Model):
    name = models.CharField(max_length=63, unique=True, validators=[code_name], help_text="In file names and commands.")
    label = models.CharField(max_length=200, help_text="As clients see it.")
    time_zone = models.CharField(
        max_length=64, default="UTC", validators=[known_time_zone], help_text="Launch times and export days are in this zone."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AccountQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.time_zone)


class Member(models.Model):
    """A person's place in an account. One person may be a member of several."""

    class Role(models.TextChoices):
        VIEWER = "viewer", "Viewer"
        MANAGER = "manager", "Manager"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(
        max_length=10, choices=Role, default=Role.VIEWER, help_text="A manager also asks for flows and gets the warnings."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "user"], name="one_membership_per_account")]
        ordering = ["account__name", "user__username"]

    def __str__(self) -> str:
        return f"{self.user} in {self.account}"


class ProfileTable(models.Model):
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="profile_tables")
    name = models.CharField(max_length=63, validators=[code_name], help_text="In file names and commands.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="one_profile_table_per_name")]
        ordering = ["account__name", "name"]

    def __str__(self) -> str:
        return f"{self.account.name}/{self.name}"


class Attribute(models.Model):
    """A typed attribute of a table's profiles, which a flow may choose as enrichment."""

    class Type(models.TextChoices):
        TEXT = "text", "Text"
        INTEGER = "integer", "Integer"
        DECIMAL = "decimal", "Decimal"
        BOOLEAN = "boolean", "Boolean"
        MOMENT = "moment", "Moment"

    profile_table = models.ForeignKey(ProfileTable, on_delete=models.CASCADE, related_name="attributes")
    name = models.CharField(max_length=63, validators=[attribute_name])
    type = models.CharField(max_length=10, choices=Type, default=Type.TEXT)
    multi_valued = models.BooleanField(default=False, help_text="Several values, exported as a list joined with commas.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["profile_table", "name"], name="one_attribute_per_name")]
        ordering = ["profile_table__account__name", "profile_table__name", "pk"]

    def __str__(self) -> str:
        return self.name
