"""Profiles and campaigns in the admin: to be looked up, never changed by hand; they come from loads."""

from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet, Value
from django.db.models.functions import MD5
from django.db.models.lookups import Exact
from django.http import HttpRequest

from .models import Campaign, Profile

LARGEST = 2**63 - 1


class ReadOnly:
    """Looking is allowed to those who may view; adding, changing and deleting to nobody."""

    # A count of millions of rows would take longer than the page.
    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


def number(term: str) -> int | None:
    """The search term as a client's number, None when it is none."""
    text = term.strip()
    if not text.removeprefix("-").isdecimal() or len(text) > 20:
        return None
    return int(text) if abs(int(text)) <= LARGEST else None


@admin.register(Profile)
class ProfileAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["profile_id", "business_key", "profile_table"]
    list_select_related = ["profile_table__account"]
    list_filter = ["profile_table"]
    fields = ["profile_table", "profile_id", "business_key", "attributes"]
    ordering = ["-pk"]
    search_fields = ["profile_id"]
    search_help_text = "The whole profile id or business key."

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        """Looks by whole values, which indexes answer; the digest is what the index of business keys holds."""
        term = search_term.strip()
        if not term or "\0" in term:
            return (queryset.none() if term else queryset), False
        by_key = Exact(MD5(F("business_key")), MD5(Value(term)))
        found = queryset.filter(by_key, business_key=term)
        wanted = number(term)
        return (found if wanted is None else found | queryset.filter(profile_id=wanted)), False


@admin.register(Campaign)
class CampaignAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["campaign_id", "name", "type", "account"]
    list_select_related = ["account"]
    list_filter = ["account"]
    fields = ["account", "campaign_id", "name", "type"]
    ordering = ["-pk"]
    search_fields = ["=campaign_id", "name"]
    search_help_text = "The whole campaign id, or a part of the name."
