"""What the tests of pages and admin share: the scene, a fixed clock, archives in a folder of the test, and the queue."""

import base64
import json
from pathlib import Path

import pytest
import time_machine
from django.test import Client

from tests.pages import scene as scenes


@pytest.fixture(autouse=True)
def own_archives(settings, tmp_path):
    archives = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(tmp_path / "archives")}}
    settings.STORAGES = {**settings.STORAGES, "archives": archives}


@pytest.fixture(autouse=True)
def quick_passwords(settings):
    """Passwords are hashed as often as the scene is built; the slow hash is Django's own business."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def clock():
    with time_machine.travel(scenes.NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def scene(clock, db):
    return scenes.build()


@pytest.fixture
def as_(scene):
    """A client logged in as one of the scene's people; as nobody at all for None."""

    def client(name: str | None) -> Client:
        made = Client()
        if name:
            made.force_login(scene.users[name])
        return made

    return client


@pytest.fixture
def queue(settings):
    """Gives and empties what was sent to the workers: (task, arguments) in the order of sending."""
    folder = Path(settings.CELERY_BROKER_TRANSPORT_OPTIONS["data_folder_out"])

    def take() -> list[tuple[str, list[object]]]:
        found = []
        for path in sorted(folder.glob("*.msg")):
            message = json.loads(path.read_text())
            arguments = json.loads(base64.b64decode(message["body"]))[0]
            found.append((message["headers"]["task"], arguments))
            path.unlink()
        return found

    take()
    return take
