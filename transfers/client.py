"""The door to every protocol: `connect` gives a client that is logged in."""

from collections.abc import Iterator
from contextlib import contextmanager

from .ftps import FtpsClient
from .models import Server
from .portal import PortalClient
from .s3 import S3Client
from .sftp import SftpClient
from .upload import Client, Progress

__all__ = ["PROTOCOLS", "Client", "Progress", "connect"]

PROTOCOLS: dict[str, type[Client]] = {
    "sftp": SftpClient,
    "ftps": FtpsClient,
    "ftps_implicit": FtpsClient,
    "s3": S3Client,
    "portal": PortalClient,
}


@contextmanager
def connect(server: Server) -> Iterator[Client]:
    """A client of the server, logged in, for one thread; closed at the end. Raises TransferError."""
    client = PROTOCOLS[server.protocol](server)
    try:
        client.open()
        yield client
    finally:
        client.close()
