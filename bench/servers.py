"""OpenSSH and vsftpd to send to, on loopback, as the tests start them; and the delay proxy in front."""

import os
import pwd
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import servers as tested

from .cluster import free_port
from .measure import ROOT
from .workplace import Workplace

# Of a round trip to another continent's near side.
ROUND_TRIP = 0.050


@dataclass
class Target:
    """A server with all that a client needs; `fields` are those of a Server row, `options` those of OpenSSH's clients."""

    running: Any
    fields: dict[str, Any]
    options: str = ""
    ca: Path | None = None


@contextmanager
def user(folder: Path) -> Iterator[Any]:
    """A user of this machine with an own home; made and removed, so root is needed."""
    if os.geteuid() != 0:
        raise RuntimeError("Servers that people log in to need a user of this machine: run the bench as root.")
    name, password, home = f"bench{os.getpid()}", secrets.token_hex(16), folder / "home"
    subprocess.run(["useradd", "--create-home", "--home-dir", home, "--shell", "/bin/bash", name], check=True)
    try:
        subprocess.run(["chpasswd"], input=f"{name}:{password}\n".encode(), check=True)
        home.chmod(0o755)
        entry = pwd.getpwnam(name)
        yield tested.SystemUser(name, password, entry.pw_uid, entry.pw_gid, home)
    finally:
        subprocess.run(["userdel", name], check=False, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def sshd(work: Workplace, far: bool) -> Iterator[Target]:
    """OpenSSH's server; `far` puts 50 ms of round trip before it."""
    folder = work.folder / "sshd"
    folder.mkdir(exist_ok=True)
    host, key = folder / "host", folder / "client"
    for path in (host, key):
        path.unlink(missing_ok=True)
        tested.ssh_keygen(path, "ed25519")
    shutil.copy(f"{key}.pub", folder / "authorized_keys")
    with user(work.folder) as who, tested.running_sshd(folder, who, [host]) as server, distance(server.port, far) as port:
        fields = server.fields(port=port, password="", private_key=key.read_text(encoding="ascii"))
        options = (
            f"-q -i {key} -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes"
            f" -P {port} {who.name}@127.0.0.1"
        )
        yield Target(server, fields, options)


@contextmanager
def vsftpd(work: Workplace) -> Iterator[Target]:
    """vsftpd that demands the reuse of TLS sessions."""
    folder = work.folder / "vsftpd"
    folder.mkdir(exist_ok=True)
    certificates = tested.make_certificates(folder / "certificates")
    ca = folder / "ca.pem"
    ca.write_text(certificates.ca, encoding="ascii")
    with user(work.folder) as who, tested.running_vsftpd(folder, who, certificates) as server:
        yield Target(server, server.fields(), ca=ca)


@contextmanager
def distance(port: int, far: bool) -> Iterator[int]:
    """The port to connect to: the same, or that of a proxy that delays."""
    if not far:
        yield port
        return
    near = free_port()
    command = [sys.executable, "-m", "bench.proxy", near, port, ROUND_TRIP / 2]
    with tested.process(command, near, cwd=ROOT):
        yield near
