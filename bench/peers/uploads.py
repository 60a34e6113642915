"""Uploads as the libraries' documentation shows them: paramiko's `put`, and ftplib made to reuse the TLS session."""

import ftplib
import io
import ssl
from pathlib import Path
from typing import Any

import paramiko


def put(host: str, port: int, username: str, key: str, path: str, target: str) -> None:
    """paramiko with its defaults."""
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    private = paramiko.Ed25519Key.from_private_key(io.StringIO(key))
    client.connect(host, port, username, pkey=private, allow_agent=False, look_for_keys=False)
    try:
        with client.open_sftp() as sftp:
            sftp.put(path, target)
    finally:
        client.close()


class ReusingFTP(ftplib.FTP_TLS):
    """What strict servers demand and ftplib does not do: the data channel goes on with the control channel's session."""

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> Any:
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        session = self.sock.session  # type: ignore[union-attr]
        return self.context.wrap_socket(connection, server_hostname=self.host, session=session), size


def store(host: str, port: int, username: str, password: str, ca: str, path: str, target: str) -> None:
    """ftplib's `storbinary` with its default blocks of 8 KiB."""
    with ReusingFTP(context=ssl.create_default_context(cafile=ca)) as ftp, Path(path).open("rb") as source:
        ftp.connect(host, port)
        ftp.login(username, password)
        ftp.prot_p()
        ftp.storbinary(f"STOR {target}", source)
