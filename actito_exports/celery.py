"""The Celery app. The broker carries hints only; the database owns every run and delivery."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "actito_exports.settings")

app = Celery("actito_exports")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
