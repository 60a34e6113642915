"""Real servers as pytest fixtures, for every part of the tests: SSH, FTPS, Redis and an S3-compatible store on free loopback ports.

Each test process has its own. A server that is not installed skips its tests, and fails them where CI=true.
"""

import contextlib
import dataclasses
import datetime
import fcntl
import getpass
import ipaddress
import json
import os
import platform
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "export-portal" / "servers"
PACKAGES = {
    "vsftpd": ["vsftpd"],
    "proftpd": [
        "proftpd-core", "proftpd-mod-crypto", "libhiredis0.14", "libmemcached11", "libmemcachedutil2",
        "libhashkit2", "libpcre2-posix3", "libpcre2-8-0", "libsodium23",
    ],
    "pure-ftpd": ["pure-ftpd", "pure-ftpd-common", "libsodium23"],
}  # fmt: skip


@dataclasses.dataclass
class Running:
    """A server that answers. `root` is, on this machine, the folder after log-in; `home` is its name on the server."""

    name: str
    protocol: str
    port: int
    username: str
    password: str
    root: Path
    home: str = ""
    host: str = "127.0.0.1"
    host_keys: str = ""
    ca_certificate: str = ""
    private_key: str = ""
    pid: int = 0
    owner: tuple[int, int] | None = None

    def fields(self, **changes):
        """The fields of a Server row that fit, without its account and name."""
        names = ["protocol", "host", "port", "username", "password", "host_keys", "ca_certificate"]
        return {name: getattr(self, name) for name in names} | changes

    def new_folder(self, mode=0o755):
        """A fresh folder of the server's user: its path here, and its name on the server."""
        path = self.root / uuid.uuid4().hex[:12]
        path.mkdir()
        if self.owner:
            os.chown(path, *self.owner)
        path.chmod(mode)
        return path, f"{self.home}/{path.name}"

    def freeze(self):
        """Stops every process of the server, as a machine that hangs does. `thaw` lets them go on."""
        for pid in self.processes():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self):
        for pid in self.processes():
            os.kill(pid, signal.SIGCONT)

    def processes(self):
        return descendants(self.pid)


def descendants(pid):
    """A process and all that it started, at this moment."""
    found = [pid]
    for number in found:
        for task in Path(f"/proc/{number}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
    return found


# --- What servers need ---------------------------------------------------------------------------------------


def missing(what):
    """Ends the test: a skip on a developer's machine, a failure in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is needed in CI.")
    pytest.skip(f"{what} is not there.")


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def wait_for_port(port, process, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            output = process.stdout.read() if process.stdout else b""
            raise RuntimeError(f"The server ended with {process.returncode}: {output[-2000:]!r}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"Nothing answers at port {port}.")


@contextlib.contextmanager
def process(command, port, **options):
    """A server process that answers at `port`; ended with all that it started."""
    log = tempfile.TemporaryFile()  # noqa: SIM115
    started = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log, stdin=subprocess.DEVNULL, **options)
    try:
        try:
            wait_for_port(port, started)
        except RuntimeError as error:
            log.seek(0)
            raise RuntimeError(f"{command[0]}: {error} {log.read()[-2000:].decode(errors='replace')}") from None
        yield started.pid
    finally:
        for pid in reversed(descendants(started.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
                os.kill(pid, signal.SIGTERM if pid == started.pid else signal.SIGKILL)
        try:
            started.wait(5)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
        log.close()


@contextlib.contextmanager
def lock(name):
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def program(name, package):
    """The installed program, or the one of a Debian package unpacked beside the system; with the environment it needs.

    The FTP servers conflict as packages, so at most one of them is installed.
    """
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found:
        return Path(found), dict(os.environ)
    root = unpacked(package)
    path = next((folder / name for folder in (root / "usr/sbin", root / "usr/bin") if (folder / name).exists()), None)
    if path is None:
        missing(name)
    libraries = f"{root}/usr/lib/{platform.machine()}-linux-gnu"
    return path, dict(os.environ) | {"LD_LIBRARY_PATH": libraries}


def unpacked(package):
    root = CACHE / package
    with lock(package):
        if not (root / "done").exists() and shutil.which("apt-get"):
            root.mkdir(parents=True, exist_ok=True)
            download = ["apt-get", "download", *PACKAGES[package]]
            if subprocess.run(download, cwd=root, capture_output=True).returncode:
                subprocess.run(["apt-get", "update"], capture_output=True)
                subprocess.run(download, cwd=root, capture_output=True)
            archives = list(root.glob("*.deb"))
            for archive in archives:
                subprocess.run(["dpkg", "-x", archive, root], check=True)
            if len(archives) == len(PACKAGES[package]):
                (root / "done").touch()
    return root


@pytest.fixture(scope="session")
def servers_folder():
    """A folder that the servers' users can enter."""
    path = Path(tempfile.mkdtemp(prefix="portal-servers-", dir="/var/tmp"))
    path.chmod(0o755)
    yield path
    with contextlib.suppress(subprocess.SubprocessError):
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for mount in [name for name in mounts if name.startswith(f"{path}/")]:
            subprocess.run(["umount", "-l", mount], check=False)
    shutil.rmtree(path, ignore_errors=True)


@dataclasses.dataclass
class SystemUser:
    name: str
    password: str
    uid: int
    gid: int
    home: Path

    def as_json(self):
        return {"name": self.name, "uid": self.uid, "gid": self.gid}


@pytest.fixture(scope="session")
def system_user(servers_folder):
    """A user of this machine to log in with; root makes it and removes it."""
    if os.geteuid() != 0 or not shutil.which("useradd"):
        missing("A user of this machine (root makes it)")
    name, password = f"portal{os.getpid()}", "corréct horse " + uuid.uuid4().hex
    home = servers_folder / "home"
    with lock("users"):
        subprocess.run(["useradd", "--create-home", "--home-dir", home, "--shell", "/bin/bash", name], check=True)
        subprocess.run(["chpasswd"], input=f"{name}:{password}\n".encode(), check=True)
    home.chmod(0o755)
    entry = pwd.getpwnam(name)
    yield SystemUser(name, password, entry.pw_uid, entry.pw_gid, home)
    with lock("users"):
        subprocess.run(["userdel", name], check=False, capture_output=True)


@dataclasses.dataclass
class Certificates:
    """A private CA and a certificate for the address 127.0.0.1, as files and as text."""

    ca: str
    certificate: Path
    key: Path
    both: Path


def make_certificates(folder, *, days=30, hosts=("127.0.0.1",)):
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Test CA {uuid.uuid4().hex[:8]}")])
    names = [x509.IPAddress(ipaddress.ip_address(h)) if h[0].isdigit() else x509.DNSName(h) for h in hosts]
    common = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])

    def built(subject, public, extensions):
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(ca_name).public_key(public)
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=40))
        builder = builder.not_valid_after(now + datetime.timedelta(days=days, minutes=5))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    subject_id = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    authority_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    ca = built(ca_name, ca_key.public_key(), [(x509.BasicConstraints(True, None), True), (usage, True), (subject_id, False)])
    leaf = built(common, key.public_key(), [(x509.SubjectAlternativeName(names), False), (authority_id, False)])
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    made = Certificates(ca.decode(), folder / "cert.pem", folder / "key.pem", folder / "both.pem")
    made.certificate.write_bytes(leaf)
    made.key.write_bytes(pem)
    made.both.write_bytes(pem + leaf)
    for path in (made.key, made.both):
        path.chmod(0o600)
    return made


@pytest.fixture(scope="session")
def certificates(servers_folder):
    return make_certificates(servers_folder / "certificates")


def ssh_keygen(path, kind, *options):
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-f", path, "-N", "", "-C", "test", *options], check=True)
    return path


@pytest.fixture(scope="session")
def host_key_files(servers_folder):
    """Host keys of three types: private key files by type."""
    if not shutil.which("ssh-keygen"):
        missing("ssh-keygen (openssh-client)")
    folder = servers_folder / "hostkeys"
    folder.mkdir()
    kinds = {"ed25519": [], "ecdsa": ["-b", "256"], "rsa": ["-b", "2048"]}
    return {kind: ssh_keygen(folder / kind, kind, *options) for kind, options in kinds.items()}


def public_half(path):
    return " ".join(Path(f"{path}.pub").read_text().split()[:2])


# --- SSH -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def running_sshd(folder, user, host_keys, *lines):
    """OpenSSH's sshd for the system user; `lines` of its configuration come first, and the first one counts."""
    path = shutil.which("sshd", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if not path:
        missing("sshd (openssh-server)")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    port, config = free_port(), folder / f"sshd-{uuid.uuid4().hex[:8]}.conf"
    settings = [
        *lines, f"Port {port}", "ListenAddress 127.0.0.1", *[f"HostKey {key}" for key in host_keys], "PidFile none",
        "UsePAM no", "PasswordAuthentication yes", "StrictModes no", f"AuthorizedKeysFile {folder}/authorized_keys",
        "Subsystem sftp internal-sftp", "MaxStartups 100", "MaxSessions 10", "UseDNS no", "LogLevel ERROR",
    ]  # fmt: skip
    config.write_text("\n".join(settings) + "\n")
    with process([path, "-D", "-e", "-f", config], port) as pid:
        yield Running(
            "sshd", "sftp", port, user.name, user.password, user.home, str(user.home), pid=pid, owner=(user.uid, user.gid),
            host_keys="\n".join(public_half(key) for key in host_keys[:1]),
        )  # fmt: skip


@pytest.fixture(scope="session")
def sshd(servers_folder, system_user, host_key_files):
    """OpenSSH with password and, through `authorized_keys` in the servers' folder, keys."""
    with running_sshd(servers_folder, system_user, list(host_key_files.values())) as server:
        yield server


@contextlib.contextmanager
def pip_server(kind, name, protocol, folder, user, options, **fields):
    root = folder / f"{name}-{uuid.uuid4().hex[:8]}"
    root.mkdir()
    owner = (user.uid, user.gid) if user else None
    if owner:
        os.chown(root, *owner)
    username, password = "clïent", "pässword " + uuid.uuid4().hex
    port = free_port()
    given = {"port": port, "root": str(root), "username": username, "password": password}
    given |= {"user": user.as_json() if user else None} | options
    with process([sys.executable, HERE / "pip_servers.py", kind, json.dumps(given)], port) as pid:
        yield Running(name, protocol, port, username, password, root, "", pid=pid, owner=owner, **fields)


@contextlib.contextmanager
def running_asyncssh(folder, user, host_keys, **options):
    options = {"host_keys": [str(key) for key in host_keys]} | options
    lines = "\n".join(public_half(key) for key in host_keys)
    with pip_server("sftp", "asyncssh", "sftp", folder, user, options, host_keys=lines) as server:
        yield server


@pytest.fixture(scope="session")
def any_user(request):
    """The system user where root runs the tests; else nobody, and the servers run as whoever runs the tests."""
    return request.getfixturevalue("system_user") if os.geteuid() == 0 else None


@pytest.fixture(scope="session")
def asyncssh_server(servers_folder, any_user, host_key_files):
    with running_asyncssh(servers_folder, any_user, [host_key_files["ed25519"]]) as server:
        yield server


# --- FTPS ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def running_pyftpdlib(folder, user, certificates, **options):
    options = {"certificate": str(certificates.both)} | options
    with pip_server("ftps", "pyftpdlib", "ftps", folder, user, options, ca_certificate=certificates.ca) as server:
        yield server


@pytest.fixture(scope="session")
def pyftpdlib_server(servers_folder, any_user, certificates):
    with running_pyftpdlib(servers_folder, any_user, certificates) as server:
        yield server


def ftp_running(name, protocol, port, user, pid, certificates, **changes):
    fields = {"username": user.name, "password": user.password, "root": user.home} | changes
    return Running(
        name, protocol, port, pid=pid, owner=(user.uid, user.gid), ca_certificate=certificates.ca, **fields
    )  # fmt: skip


@contextlib.contextmanager
def running_vsftpd(folder, user, certificates, *, implicit=False, **options):
    """vsftpd that demands the reuse of TLS sessions; the user is locked into the home folder."""
    path, environment = program("vsftpd", "vsftpd")
    empty, port = folder / "empty", free_port()
    empty.mkdir(exist_ok=True)
    settings = {
        "listen": "YES", "listen_address": "127.0.0.1", "listen_port": port, "background": "NO", "anonymous_enable": "NO",
        "local_enable": "YES", "write_enable": "YES", "local_umask": "022", "chroot_local_user": "YES",
        "allow_writeable_chroot": "YES", "local_root": user.home, "secure_chroot_dir": empty, "seccomp_sandbox": "NO",
        "isolate_network": "NO", "ssl_enable": "YES", "force_local_logins_ssl": "YES", "force_local_data_ssl": "YES",
        "ssl_tlsv1": "YES", "require_ssl_reuse": "YES", "ssl_ciphers": "HIGH", "rsa_cert_file": certificates.certificate,
        "rsa_private_key_file": certificates.key, "implicit_ssl": "YES" if implicit else "NO", "xferlog_enable": "NO",
        "pam_service_name": "vsftpd", "max_clients": 50,
    } | options  # fmt: skip
    config = folder / f"vsftpd-{port}.conf"
    config.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    with process([path, config], port, env=environment) as pid:
        protocol = "ftps_implicit" if implicit else "ftps"
        yield ftp_running("vsftpd", protocol, port, user, pid, certificates)


@pytest.fixture(scope="session")
def vsftpd(servers_folder, system_user, certificates):
    with running_vsftpd(servers_folder, system_user, certificates) as server:
        yield server


@pytest.fixture(scope="session")
def vsftpd_implicit(servers_folder, system_user, certificates):
    with running_vsftpd(servers_folder, system_user, certificates, implicit=True) as server:
        yield server


def crypted(password):
    """A SHA-512 crypt hash, by OpenSSL: `crypt` leaves Python."""
    done = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=password.encode(), capture_output=True, check=True)
    return done.stdout.decode().strip()


@contextlib.contextmanager
def running_proftpd(folder, user, certificates, *, implicit=False, lines=()):
    """ProFTPD as it comes: sessions must be reused, files must not be overwritten."""
    path, environment = program("proftpd", "proftpd")
    port, place = free_port(), Path(tempfile.mkdtemp(dir=folder))
    place.chmod(0o755)
    users = place / "users"
    users.write_text(f"{user.name}:{crypted(user.password)}:{user.uid}:{user.gid}::{user.home}:/bin/bash\n")
    users.chmod(0o600)
    modules = next(iter(path.parent.parent.parent.glob("usr/lib/proftpd")), Path("/usr/lib/proftpd"))
    config = place / "proftpd.conf"
    settings = [
        f"ModulePath {modules}", "LoadModule mod_tls.c", "ServerType standalone", "DefaultServer on", "UseIPv6 off",
        "DefaultAddress 127.0.0.1", f"Port {port}", "ServerName test", "DefaultRoot ~", "RequireValidShell off",
        f"AuthUserFile {users}", "AuthOrder mod_auth_file.c", f"ScoreboardFile {place}/scoreboard",
        f"PidFile {place}/pid", "WtmpLog off", "TransferLog none", "SystemLog none", "Umask 022", "UseReverseDNS off",
        "TLSEngine on", "TLSRequired on", "TLSProtocol TLSv1.2 TLSv1.3", f"TLSRSACertificateFile {certificates.certificate}",
        f"TLSRSACertificateKeyFile {certificates.key}", "TLSVerifyClient off", "TLSLog none",
        f"TLSECCertificateFile {certificates.certificate}", f"TLSECCertificateKeyFile {certificates.key}",
        *(["TLSOptions UseImplicitSSL"] if implicit else []), *lines,
    ]  # fmt: skip
    settings = [line for line in settings if not line.startswith("TLSRSA")]
    config.write_text("\n".join(settings) + "\n")
    with process([path, "-n", "-q", "-c", config], port, env=environment) as pid:
        protocol = "ftps_implicit" if implicit else "ftps"
        yield ftp_running("proftpd", protocol, port, user, pid, certificates)


@pytest.fixture(scope="session")
def proftpd(servers_folder, system_user, certificates):
    with running_proftpd(servers_folder, system_user, certificates) as server:
        yield server


@pytest.fixture(scope="session")
def proftpd_implicit(servers_folder, system_user, certificates):
    with running_proftpd(servers_folder, system_user, certificates, implicit=True) as server:
        yield server


@pytest.fixture(scope="session")
def pure_ftpd(servers_folder, system_user, certificates):
    """Pure-FTPd with a virtual user and TLS on both channels."""
    path, environment = program("pure-ftpd", "pure-ftpd")
    tool = path.parent.parent / "bin" / "pure-pw"
    place, port, user = Path(tempfile.mkdtemp(dir=servers_folder)), free_port(), system_user
    # A SHA-512 hash: the tool's own takes seconds to check, on purpose.
    fields = ["client", crypted(user.password), str(user.uid), str(user.gid), "", f"{user.home}/./", *[""] * 12]
    (place / "passwd").write_text(":".join(fields) + "\n")
    command = [tool, "mkdb", place / "users.pdb", "-f", place / "passwd"]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    command = [path, "-S", f"127.0.0.1,{port}", "-l", f"puredb:{place}/users.pdb", "-A", "-E", "-H", "-Y", "3"]
    command += ["-2", certificates.both, "-g", place / "pid", "-U", "022:022", "-4", "-c", "50", "-C", "50"]
    with process(command, port, env=environment) as pid:
        yield ftp_running("pure-ftpd", "ftps", port, user, pid, certificates, username="client")


# --- Redis and S3 ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def redis_url():
    path = shutil.which("redis-server")
    if not path:
        missing("redis-server")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [path, "--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no"]
        with process(command, port):
            yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture(scope="session")
def s3(servers_folder):
    """moto's server with one bucket `client`; `root` is not a folder there."""
    port = free_port()
    environment = dict(os.environ) | {"MOTO_S3_CUSTOM_ENDPOINTS": "", "USER": getpass.getuser()}
    with process([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", port], port, env=environment) as pid:
        server = Running("moto", "s3", port, "access", "sécret " + uuid.uuid4().hex, Path("/"), "client", pid=pid)
        server.host = f"http://127.0.0.1:{port}"
        s3_store(server).create_bucket(Bucket="client")
        yield server


def s3_store(server):
    import boto3

    return boto3.client(
        "s3", endpoint_url=server.host, aws_access_key_id=server.username, aws_secret_access_key="test", region_name="us-east-1"
    )
