"""The client that takes each file the moment it appears under its final name: it must be whole there, at any moment."""

import threading
import zipfile
import zlib
from pathlib import Path


class Taker:
    """Looks into the clients' folders all the time; `half` are the files that were not whole when they were there."""

    def __init__(self, folders: list[Path]) -> None:
        self.folders = folders
        self.half: list[str] = []
        self.taken = 0
        self.seen: dict[Path, tuple[int, int, int]] = {}
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Taker":
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stopping.set()
        self.thread.join()

    def _run(self) -> None:
        while not self.stopping.wait(0.1):
            self.look()

    def look(self) -> None:
        for folder in self.folders:
            for path in folder.glob("[!.]*.zip"):
                try:
                    stat = path.stat()
                    if self.seen.get(path) != (mark := (stat.st_ino, stat.st_size, stat.st_mtime_ns)):
                        self.seen[path] = mark
                        self.take(path)
                except FileNotFoundError:
                    # A second delivery of the same bytes goes over it by a rename, which leaves no gap.
                    self.half.append(f"{path.name} was there and went away")

    def take(self, path: Path) -> None:
        self.taken += 1
        try:
            with path.open("rb") as file, zipfile.ZipFile(file) as archive:
                bad = archive.testzip()
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            bad = str(error)
        if bad:
            self.half.append(f"{path.name}: {bad}")
