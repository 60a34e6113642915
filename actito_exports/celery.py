"""The Celery app. The broker carries hints only; the database owns every run and delivery."""

import os

from celery import Celery
from celery.signals import task_prerun
from django.db import close_old_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "actito_exports.settings")

app = Celery("actito_exports")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# As Django does before a request: an old or broken connection is not used again.
task_prerun.connect(close_old_connections)
