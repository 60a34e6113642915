"""Where archives are kept: the storage that settings name, behind one small set of verbs."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files import File
from django.core.files.storage import Storage, storages

from .models import Run


class _Finished(File):  # type: ignore[type-arg]
    """A whole file on this machine, which a folder of archives takes by renaming instead of copying."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.open("rb"), name=path.name)
        self.path = path

    def temporary_file_path(self) -> str:
        return str(self.path)


def storage() -> Storage:
    return storages["archives"]


def work_folder() -> Path:
    """Where files are made before they go to the storage."""
    folder = Path(settings.WORK_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def work_path(run: Run) -> Path:
    """Where this attempt makes its file. Files of the run's dead attempts on this machine are removed."""
    folder = work_folder()
    for leftover in folder.glob(f"run-{run.pk}-*.zip"):
        leftover.unlink(missing_ok=True)
    return folder / f"run-{run.pk}-{run.attempt}.zip"


def name(run: Run, attempt: int) -> str:
    """The name in the storage; every attempt has its own, so a worker given up for dead cannot touch a newer file."""
    return f"{run.account.name}/{run.flow.profile_table.name}/{run.flow.kind}/{run.export_day:%Y-%m-%d}/{run.pk}-{attempt}.zip"


def store(run: Run, path: Path) -> str:
    """Moves the finished archive at `path` into the storage; returns its name there."""
    return keep(path, name(run, run.attempt))


def keep(path: Path, wanted: str) -> str:
    """Moves the finished file at `path` into the storage, under `wanted` where that is free; returns its name there."""
    with _Finished(path) as file:
        stored = storage().save(wanted, file)
    path.unlink(missing_ok=True)
    with suppress(NotImplementedError):  # only a folder has paths
        _sync_folder(Path(storage().path(stored)).parent)
    return stored


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def discard(run: Run, attempts: range) -> None:
    """Removes what dead attempts of `run` may have stored."""
    for attempt in attempts:
        orphan = name(run, attempt)
        if orphan != run.archive:
            storage().delete(orphan)


def opened(stored: str) -> Any:
    """A stored file, open for reading and seekable. Raises FileNotFoundError when it is not there."""
    return storage().open(stored, "rb")
