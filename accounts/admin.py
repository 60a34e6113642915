"""Support's pages for accounts, their members, and their profile tables with attributes."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from .models import Account, Attribute, Member, ProfileTable, time_zones

admin.site.site_header = admin.site.site_title = "Export portal"
admin.site.index_title = "Support"
# Lists of runs need the width; the first page has the same links.
admin.site.enable_nav_sidebar = False


class MemberInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Member
    extra = 0
    autocomplete_fields = ["user"]


class ProfileTableInline(admin.TabularInline):  # type: ignore[type-arg]
    model = ProfileTable
    extra = 0
    show_change_link = True


class AttributeInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Attribute
    extra = 0


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]
    time_zone = forms.ChoiceField(choices=time_zones, help_text="Launch times and export days are in this zone.")

    class Meta:
        model = Account
        fields = "__all__"


@admin.register(Account)
class AccountAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    form = AccountForm
    list_display = ["name", "label", "time_zone", "table_count", "member_count"]
    search_fields = ["name", "label"]
    inlines = [MemberInline, ProfileTableInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        counts = {"tables": Count("profile_tables", distinct=True), "people": Count("members", distinct=True)}
        accounts: QuerySet[Any] = super().get_queryset(request).annotate(**counts)
        return accounts

    @admin.display(description="Tables", ordering="tables")
    def table_count(self, account: Any) -> int:
        return int(account.tables)

    @admin.display(description="Members", ordering="people")
    def member_count(self, account: Any) -> int:
        return int(account.people)


@admin.register(ProfileTable)
class ProfileTableAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["name", "account", "attribute_count"]
    list_filter = [("account", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["account"]
    search_fields = ["name", "account__name"]
    autocomplete_fields = ["account"]
    inlines = [AttributeInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        tables: QuerySet[Any] = super().get_queryset(request).annotate(attribute_total=Count("attributes"))
        return tables

    def get_readonly_fields(self, request: HttpRequest, obj: ProfileTable | None = None) -> list[str]:
        return ["account"] if obj else []

    @admin.display(description="Attributes", ordering="attribute_total")
    def attribute_count(self, table: Any) -> int:
        return int(table.attribute_total)
