"""Support's pages for servers, with their identity and secrets, and for locations, with the connection test."""

from typing import Any

from django.contrib import admin
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.buttons import Button, ButtonsMixin, Refused

from . import hostkeys, keys, openpgp, probe
from .errors import TransferError
from .forms import LocationForm, ServerForm
from .models import Location, Server
from .secrets import Secret

# How long a fetched host key may wait for its confirmation, in seconds.
CONFIRM_WITHIN = 900
# Tone and word of a location without a passed test, by whether it is accepted so.
UNTESTED = {False: ("warn", "Not passed yet"), True: ("idle", "Not passed, accepted")}


def is_sftp(server: Server) -> bool:
    return server.protocol == Server.Protocol.SFTP


def shows_new_key(server: Server) -> bool:
    return is_sftp(server) and bool(server.seen_host_key)


class LocationInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Location
    form = LocationForm
    fields = ["name", "folder", *Location.COMPANIONS]
    extra = 0
    show_change_link = True


class ServerAdmin(ButtonsMixin):
    form = ServerForm
    list_display = ["__str__", "protocol", "address", "username", "identity_word", "hosted"]
    list_filter = ["protocol", "hosted", ("account", admin.RelatedOnlyFieldListFilter)]
    list_select_related = ["account"]
    search_fields = ["name", "host", "account__name"]
    autocomplete_fields = ["account"]
    inlines = [LocationInline]
    readonly_fields = ["public_half", "fingerprints", "seen_fingerprint"]
    refusals = (Refused, TransferError)
    buttons: tuple[Button, ...] = (
        Button("fetch_host_key", "Fetch host key", is_sftp),
        Button("pin_host_key", "Confirm host key", is_sftp, "Host key confirmed.", listed=False),
        Button("confirm_seen", "Confirm the changed host key", shows_new_key, "Changed host key confirmed."),
        Button("make_key_pair", "Make key pair", lambda server: is_sftp(server) and not server.private_key, "Key pair made."),
    )
    fieldsets = [
        (None, {"fields": ["account", "name", "protocol", "host", "port", "username", "hosted", "max_connections"]}),
        ("Log-in", {"fields": ["new_password", "clear_password"]}),
        (
            "SFTP",
            {
                "fields": [
                    "new_private_key",
                    "clear_private_key",
                    "new_passphrase",
                    "clear_passphrase",
                    "public_half",
                    "host_keys",
                    "fingerprints",
                    "seen_fingerprint",
                ],
                "classes": ["collapse"],
            },
        ),
        (
            "FTPS",
            {
                "fields": ["ca_certificate", "pinned_certificate", "tls12_only", "trust_passive_address", "encoding"],
                "classes": ["collapse"],
            },
        ),
        ("What the server allows", {"fields": ["can_rename", "can_stat"], "classes": ["collapse"]}),
    ]

    @admin.display(description="Address", ordering="host")
    def address(self, server: Server) -> str:
        return f"{server.host}:{server.effective_port}" if server.host else ""

    @admin.display(description="Identity")
    def identity_word(self, server: Server) -> SafeString | str:
        if shows_new_key(server):
            return format_html('<span class="chip chip-warn">{}</span>', "Changed, to confirm")
        if is_sftp(server):
            return "Host key confirmed" if server.host_keys else "No host key yet"
        return "Certificate" if server.protocol in {Server.Protocol.FTPS, Server.Protocol.FTPS_IMPLICIT} else ""

    @admin.display(description="Public key")
    def public_half(self, server: Server) -> SafeString | str:
        return format_html("<code>{}</code>", server.public_key) if server.public_key else "None. “Make key pair” makes one."

    @admin.display(description="Confirmed fingerprints")
    def fingerprints(self, server: Server) -> SafeString | str:
        found = [(line.split()[0], hostkeys.fingerprint(line)) for line in server.host_keys.splitlines()]
        return format_html_join("", "<div>{} <code>{}</code></div>", found) or "None. “Fetch host key” shows the server's."

    @admin.display(description="Seen at the last connection")
    def seen_fingerprint(self, server: Server) -> SafeString | str:
        if not server.seen_host_key:
            return "The same."
        kind = server.seen_host_key.split()[0]
        return format_html(
            '<span class="chip chip-warn">Not confirmed</span> {} <code>{}</code><div class="help">{}</div>',
            kind,
            hostkeys.fingerprint(server.seen_host_key),
            "Compare it with what the server's people say. Deliveries to this server wait until you have confirmed it.",
        )

    def fetch_host_key(self, request: HttpRequest, server: Server) -> HttpResponse:
        lines = hostkeys.fetch(server)
        pinned = server.host_keys.splitlines()
        found = [(line.split()[0], hostkeys.fingerprint(line), line in pinned) for line in lines]
        context = {
            "found": found,
            "pinned": [(line.split()[0], hostkeys.fingerprint(line)) for line in pinned],
            "token": signing.dumps([server.pk, lines], salt="host-keys"),
            "confirm": self.press_url(server, "pin_host_key"),
        }
        return self.ask(request, server, "admin/host_keys.html", "Host keys of the server", **context)

    def pin_host_key(self, request: HttpRequest, server: Server) -> str:
        try:
            owner, lines = signing.loads(request.POST.get("token", ""), salt="host-keys", max_age=CONFIRM_WITHIN)
        except signing.BadSignature:
            owner, lines = None, []
        if owner != server.pk:
            raise Refused("The host keys were fetched too long ago. Fetch them again, then confirm them.")
        return self.pin(request, server, lines)

    def confirm_seen(self, request: HttpRequest, server: Server) -> HttpResponse | str:
        shown = hostkeys.fingerprint(server.seen_host_key)
        if request.POST.get("fingerprint") != shown:
            context = {
                "seen": (server.seen_host_key.split()[0], shown),
                "pinned": [(line.split()[0], hostkeys.fingerprint(line)) for line in server.host_keys.splitlines()],
                "confirm": self.press_url(server, "confirm_seen"),
            }
            return self.ask(request, server, "admin/changed_host_key.html", "The host key has changed", **context)
        return self.pin(request, server, [server.seen_host_key])

    def pin(self, request: HttpRequest, server: Server, lines: list[str]) -> str:
        """Makes `lines` the server's confirmed host keys; returns a sentence."""
        server.host_keys, server.seen_host_key = "\n".join(lines), ""
        server.save(update_fields=["host_keys", "seen_host_key"])
        return "The host key is confirmed." + self.identity_confirmed(request, server)

    def identity_confirmed(self, request: HttpRequest, server: Server) -> str:
        """What follows once a person has confirmed the server's identity, as a further sentence. The app above adds to it."""
        return ""

    def make_key_pair(self, request: HttpRequest, server: Server) -> str:
        private, public = keys.make_key_pair()
        server.private_key, server.passphrase, server.public_key = Secret.of(private), Secret(), public
        server.save(update_fields=["private_key", "passphrase", "public_key"])
        return f"The key pair is made. Give this public key to the server's people: {public}"

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """A location that is entered beside its server belongs to the same account."""
        for entered in formset.forms:
            if entered.instance.account_id is None:
                entered.instance.account = form.instance.account
        super().save_formset(request, form, formset, change)

    def save_model(self, request: HttpRequest, obj: Server, form: Any, change: bool) -> None:
        if "host_keys" in form.changed_data and obj.seen_host_key in obj.host_keys.splitlines():
            obj.seen_host_key = ""
        super().save_model(request, obj, form, change)


def _shown(recipient: openpgp.Recipient) -> tuple[str, str, str]:
    """Owner, fingerprint in groups of four as GnuPG prints it, and the end."""
    digits = recipient.fingerprint
    groups = " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))
    end = f"expires on {recipient.expires:%Y-%m-%d}" if recipient.expires else "does not expire"
    return recipient.user, groups, end


class LocationAdmin(ButtonsMixin):
    form = LocationForm
    list_display = ["__str__", "server", "folder", "companion_words", "test_word"]
    list_filter = [("account", admin.RelatedOnlyFieldListFilter), "server__protocol"]
    list_select_related = ["account", "server__account"]
    search_fields = ["name", "folder", "account__name", "server__name"]
    autocomplete_fields = ["account", "server"]
    readonly_fields = ["test_word", "recipients"]
    fieldsets = [
        (None, {"fields": ["account", "name", "server", "folder"]}),
        ("Connection test", {"fields": ["test_word", "accepted_untested"]}),
        ("Beside each archive", {"fields": list(Location.COMPANIONS)}),
        ("Encryption", {"fields": ["pgp_keys", "recipients"], "classes": ["collapse"]}),
    ]
    refusals = (Refused, TransferError)
    buttons = (Button("test_connection", "Test connection"),)

    @admin.display(description="Companions")
    def companion_words(self, location: Location) -> str:
        return ", ".join(location.companions)

    @admin.display(description="Connection test", ordering="probed_at")
    def test_word(self, location: Location) -> SafeString | str:
        if location.server_id and location.server.protocol == Server.Protocol.PORTAL:
            return "Nothing to test"
        if location.probed_at:
            return f"Passed on {location.probed_at:%Y-%m-%d %H:%M} UTC"
        return format_html('<span class="chip chip-{}">{}</span>', *UNTESTED[location.accepted_untested])

    @admin.display(description="Recipients")
    def recipients(self, location: Location) -> SafeString | str:
        """Whom files are encrypted for; checking the keys again shows what has expired since they were entered."""
        if not location.pgp_keys.strip():
            return "None. Files are not encrypted."
        try:
            found = openpgp.check(location.pgp_keys)
        except TransferError as error:
            return format_html('<span class="chip chip-bad">Not usable</span> {}', str(error))
        return format_html_join("", "<div>{} <code>{}</code>, {}</div>", map(_shown, found))

    def test_connection(self, request: HttpRequest, location: Location) -> HttpResponse:
        steps = list(probe.probe(location))
        passed = all(step.outcome != "failed" for step in steps)
        context = {"steps": steps, "passed": passed, "again": self.press_url(location, "test_connection")}
        return self.ask(request, location, "admin/probe.html", "Connection test", **context)


admin.site.register(Server, ServerAdmin)
admin.site.register(Location, LocationAdmin)
