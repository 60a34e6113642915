"""One scheduling round, as beat would trigger it."""

from typing import Any

from django.core.management.base import BaseCommand

from flows import schedule, tasks


class Command(BaseCommand):
    help = "Opens a run for every flow whose launch moment has passed, and asks the workers to execute what is due."

    def handle(self, *args: Any, **options: Any) -> None:
        opened = schedule.tick()
        tasks.send_hints()
        self.stdout.write(f"{len(opened)} runs opened.")
