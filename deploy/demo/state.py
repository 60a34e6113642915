"""What the demo decides at its first start and keeps: places, ports, passwords, the moment that its data ends, the launch time."""

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from . import data
from .processes import free_port
from .servers import private

EVENTS = 300_000
ZONE = "Europe/Brussels"


@dataclass
class State:
    """Kept as JSON that only its owner reads. `launch` is the flows' launch time, empty until they are configured."""

    folder: Path
    events: int = field(default_factory=lambda: int(os.environ.get("DEMO_EVENTS", EVENTS)))
    until: str = field(default_factory=lambda: data.last_midnight().isoformat())
    zone: str = ZONE
    launch: str = ""
    sftp_port: int = 0
    ftps_port: int = 0
    server_password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    support_password: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    client_password: str = field(default_factory=lambda: secrets.token_urlsafe(9))

    @property
    def sftp(self) -> Path:
        return self.folder / "sftp"

    @property
    def ftps(self) -> Path:
        return self.folder / "ftps"

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    @property
    def input(self) -> Path:
        return self.folder / "input"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def end(self) -> datetime:
        return datetime.fromisoformat(self.until)

    def save(self) -> None:
        content = {name: value for name, value in asdict(self).items() if name != "folder"}
        private(self.folder / "state.json", json.dumps(content, indent=1).encode())

    def take_ports(self) -> None:
        """The ports of last time where they are still free, else others."""
        self.sftp_port = free_port(self.sftp_port)
        self.ftps_port = free_port(self.ftps_port)
        self.save()

    def plan_launch(self) -> None:
        """Sets the launch time to the next full minute, once."""
        if self.launch:
            return
        moment = (datetime.now(UTC) + timedelta(seconds=65)).replace(second=0, microsecond=0)
        local = moment.astimezone(ZoneInfo(self.zone))
        # In the hour that occurs twice in autumn a launch time means the first; the demo does not wait a day for it.
        if local.fold:
            self.zone, local = "UTC", moment
        self.launch = f"{local:%H:%M}"
        self.save()


def open_state(folder: Path) -> State:
    """The state in `folder`, which is made where it is missing."""
    path = folder / "state.json"
    state = State(folder, **json.loads(path.read_text())) if path.exists() else State(folder)
    for place in (state.sftp, state.ftps, state.keys, state.input, state.logs):
        place.mkdir(parents=True, exist_ok=True)
    return state
