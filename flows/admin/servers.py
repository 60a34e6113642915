"""What a server's pages do to deliveries, which the app of the servers does not know of."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest

from accounts.buttons import Button
from flows.delivery import release_held
from flows.models import Delivery
from transfers.admin import ServerAdmin
from transfers.models import Server

from .asking import ask_for_deliveries


def has_held(server: Server) -> bool:
    return Delivery.objects.filter(location__server=server, status=Delivery.Status.HELD).exists()


class DeliveringServerAdmin(ServerAdmin):
    """Confirming a server's identity lets its held deliveries go, and so does a button."""

    buttons = (*ServerAdmin.buttons, Button("release", "Release held deliveries", has_held, "Held deliveries released."))

    @transaction.atomic
    def release(self, request: HttpRequest, server: Server) -> str:
        released = release_held(server)
        ask_for_deliveries(request, {server.pk})
        return f"{released} deliver{'y' if released == 1 else 'ies'} released; they go out in order."

    def identity_confirmed(self, request: HttpRequest, server: Server) -> str:
        return f" {self.release(request, server)}" if has_held(server) else ""

    def save_model(self, request: HttpRequest, obj: Server, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and form.changed_data and not obj.seen_host_key and has_held(obj):
            self.message_user(request, self.release(request, obj))


admin.site.unregister(Server)
admin.site.register(Server, DeliveringServerAdmin)
