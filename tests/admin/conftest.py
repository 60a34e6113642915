from tests.pages.conftest import as_, clock, own_archives, queue, quick_passwords, scene

__all__ = ["as_", "clock", "own_archives", "queue", "quick_passwords", "scene"]
