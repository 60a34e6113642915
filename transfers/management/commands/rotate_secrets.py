"""Brings every stored secret under the newest of FIELD_ENCRYPTION_KEYS, so that older keys can be taken out."""

import json
from argparse import ArgumentParser
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import models

from transfers.secrets import SecretError, SecretField


class Command(BaseCommand):
    help = "Encrypts all stored secrets anew with the first key of FIELD_ENCRYPTION_KEYS; older keys can be removed afterwards."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        faults = 0
        for model in apps.get_models():
            names = [field.name for field in model._meta.concrete_fields if isinstance(field, SecretField)]
            if names:
                faults += self.rotate(model, names, as_json=options["json"])
        if faults:
            raise CommandError(
                f"{faults} secrets could not be decrypted; they are as they were. The older keys are still needed."
            )

    def rotate(self, model: type[models.Model], names: list[str], *, as_json: bool) -> int:
        """Rotates the secrets of one model; returns how many could not be decrypted."""
        rotated = faults = 0
        for row in model._default_manager.order_by("pk").iterator():
            for name in names:
                try:
                    rotated += rotate_one(model, row, name)
                except SecretError as error:
                    faults += 1
                    self.stderr.write(f"{model._meta.verbose_name} {row}, {name}: {error}")
        counts = {"model": model._meta.label, "rotated": rotated, "failed": faults}
        self.stdout.write(json.dumps(counts) if as_json else f"{model._meta.label}: {rotated} secrets rotated, {faults} failed.")
        return faults


def rotate_one(model: type[models.Model], row: models.Model, name: str) -> int:
    """Rotates one secret, unless somebody stored another one meanwhile; returns how many were written (0 or 1)."""
    secret = getattr(row, name)
    if not secret:
        return 0
    return model._default_manager.filter(pk=row.pk, **{name: secret}).update(**{name: secret.rotated()})
