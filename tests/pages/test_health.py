"""The two answers for load balancers and monitoring."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from flows.pages import health


@pytest.fixture(autouse=True)
def forgotten():
    health._storage.cache_clear()


@pytest.mark.django_db
def test_ready_with_the_age_of_the_tick(client, tmp_path):
    assert client.get("/readyz").json() == {"database": "ok", "archives": "ok", "tick_age_seconds": None}
    # The migration's own row is gone where a test before this one emptied the tables.
    minute, _ = IntervalSchedule.objects.get_or_create(every=1, period=IntervalSchedule.MINUTES)
    PeriodicTask.objects.get_or_create(task=health.TICK, defaults={"name": "Tick", "interval": minute})
    PeriodicTask.objects.filter(task=health.TICK).update(last_run_at=timezone.now() - timedelta(seconds=90))
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["tick_age_seconds"] in {90, 91}
    assert list((tmp_path / "archives").iterdir()) == []


@pytest.mark.django_db
def test_not_ready_without_a_place_for_archives(client, settings, tmp_path):
    (tmp_path / "file").write_text("in the way")
    archives = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(tmp_path / "file" / "below")},
    }
    settings.STORAGES = {**settings.STORAGES, "archives": archives}
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"database": "ok", "archives": "failed", "tick_age_seconds": None}


def test_alive_without_anything(client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")
