"""What the tests of flows share: an active flow, loaded clicks, and the files that came of them."""

import csv
import io
import zipfile
from datetime import time

import pytest

from flows import pipeline, schedule
from flows.archives import opened
from flows.models import Flow
from tests import factories


@pytest.fixture(autouse=True)
def own_folders(settings, tmp_path):
    """Archives and unfinished files of each test in folders of its own."""
    archives = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(tmp_path / "archives")}}
    settings.STORAGES = {**settings.STORAGES, "archives": archives}
    settings.WORK_DIR = tmp_path / "work"
    settings.CELERY_TASK_ALWAYS_EAGER = False


@pytest.fixture
def table(transactional_db):
    return factories.make_table()


@pytest.fixture
def flow(table):
    return Flow.objects.create(profile_table=table, kind="email_click", launch_time=time(2), active=True)


def load_clicks(table, *profiles):
    """One click of each profile, on a link named after it."""
    lines = [
        {"profileId": str(number), "clickMoment": "2026-11-20T10:00:00Z", "linkName": f"link {number}"} for number in profiles
    ]
    return factories.load_lines("email_click", table, *lines)


def run_now(flow):
    """A manual run, executed."""
    flow.refresh_from_db()
    return pipeline.execute(schedule.open_manual(flow).pk)


def rows_of(run):
    """The rows of the run's stored file, as dictionaries by header."""
    with opened(run.archive) as file, zipfile.ZipFile(file) as archive:
        (name,) = archive.namelist()
        return list(csv.DictReader(io.StringIO(archive.read(name).decode(), newline=""), delimiter=";"))


def profiles_of(run):
    return [int(row["profileId"]) for row in rows_of(run)]
