"""Registers the project's system checks."""

from django.apps import AppConfig


class ProjectConfig(AppConfig):
    name = "actito_exports"

    def ready(self) -> None:
        from . import checks  # noqa: F401  (registers on import)
