"""The Django project: settings, Celery app, URLs, system checks; no logic."""

from .celery import app as celery_app

__all__ = ["celery_app"]
