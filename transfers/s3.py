"""Buckets of S3-compatible stores, by boto3. The folder is "bucket" or "bucket/prefix"; an object appears only when it is whole."""

import re
import tempfile
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
    SSLError,
)

from .errors import RETRY, Cause, network_cause, shown
from .models import Server
from .transmission import Transmission
from .upload import Client

PART = 16 * 1024 * 1024
READ = 256 * 1024


class S3Client(Client):
    expected = (OSError, BotoCoreError, ClientError, Boto3Error)
    atomic = True

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.store: Any = None
        self.authorities: Any = None

    def reach(self) -> None:
        with self.doing("connect"):
            if self.server.ca_certificate:
                # boto3 wants a file, for as long as the client lives; `close` removes it.
                self.authorities = tempfile.NamedTemporaryFile("w", suffix=".pem")  # noqa: SIM115
                self.authorities.write(self.server.ca_certificate)
                self.authorities.flush()
            self.store = boto3.client(
                "s3",
                endpoint_url=end_point(self.server),
                aws_access_key_id=self.server.username,
                aws_secret_access_key=self.password,
                region_name=region(self.server.host),
                verify=self.authorities.name if self.authorities else True,
                config=Config(
                    connect_timeout=self.timeout,
                    read_timeout=self.timeout,
                    retries={"total_max_attempts": 2},
                    s3={"addressing_style": "path"},
                    tcp_keepalive=True,
                ),
            )

    def identity(self) -> str:
        return (
            "The certificate is checked with each request." if end_point(self.server).startswith("https") else super().identity()
        )

    def close(self) -> None:
        if self.store is not None:
            self.store.close()
        if self.authorities is not None:
            self.authorities.close()

    def _check_folder(self, folder: str) -> None:
        self.store.head_bucket(Bucket=place(folder, "")[0])

    def _write(self, transmission: Transmission, folder: str, name: str) -> None:
        bucket, key = place(folder, name)
        self.store.upload_fileobj(
            _Reader(transmission),
            bucket,
            key,
            Callback=transmission.add,
            Config=TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=2),
        )

    def _size(self, folder: str, name: str) -> int | None:
        head = self._head(folder, name)
        return None if head is None else int(head["ContentLength"])

    def _modified_at(self, folder: str, name: str) -> datetime | None:
        head = self._head(folder, name)
        return None if head is None else head["LastModified"]

    def _head(self, folder: str, name: str) -> Any:
        bucket, key = place(folder, name)
        try:
            return self.store.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in {"404", "NoSuchKey", "NotFound"}:
                return None
            raise

    def _remove(self, folder: str, name: str) -> None:
        bucket, key = place(folder, name)
        self.store.delete_object(Bucket=bucket, Key=key)

    def _read(self, folder: str, name: str) -> Iterator[bytes]:
        bucket, key = place(folder, name)
        yield from self.store.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(READ)

    def _cause(self, error: BaseException, folder: str | None) -> Cause:
        if isinstance(error, ClientError):
            return self._answer(error)
        if isinstance(error, Boto3Error) and isinstance(error.__context__, ClientError):
            return self._answer(error.__context__)
        if isinstance(error, SSLError):
            return Cause(
                "its certificate was not accepted",
                "Check the host, or enter the PEM of the CA at the server.",
                permanent=True,
            )
        if isinstance(error, EndpointConnectionError):
            return Cause("nothing answers there", f"Check the end point. {RETRY}.")
        if isinstance(error, (ConnectTimeoutError, ReadTimeoutError)):
            return network_cause(TimeoutError(), self.timeout)
        if isinstance(error, BotoCoreError):
            return Cause(f"the request failed ({type(error).__name__})", f"Check end point, bucket and keys. {RETRY}.")
        return network_cause(error, self.timeout)

    def _answer(self, error: ClientError) -> Cause:
        """The cause behind an error code of the S3 API reference."""
        code = error.response["Error"].get("Code", "")
        said = shown(f"{code} {error.response['Error'].get('Message', '')}", (self.password,))
        if code in {"NoSuchBucket", "404"}:
            return Cause("the bucket does not exist", "Create it, or correct the folder of the location.", permanent=True)
        if code in {"InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthFailure"}:
            return Cause(f"the access key or the secret key was refused ({said})", "Check both.", permanent=True)
        if code in {"AccessDenied", "403"}:
            return Cause("the store gives no permission", "Allow this key to read and write in the bucket.", permanent=True)
        return Cause(f"the store answered {said}", f"{RETRY}; if it stays, show this answer to the store's people.")


class _Reader:
    """A transmission as a file without seek, so that boto3 reads it in order."""

    def __init__(self, transmission: Transmission) -> None:
        self.transmission = transmission
        self.offset = 0

    def read(self, length: int = -1) -> bytes:
        left = self.transmission.size - self.offset
        block = self.transmission.read(self.offset, left if length < 0 else min(length, left))
        self.offset += len(block)
        return block


def end_point(server: Server) -> str:
    host = server.host.strip().rstrip("/")
    url = host if "://" in host else f"https://{host}"
    return f"{url}:{server.port}" if server.port and urlsplit(url).port is None else url


def region(host: str) -> str:
    """The region in the name of an end point of AWS, such as https://s3.eu-west-1.amazonaws.com; others do not look at it."""
    found = re.search(r"s3[.-]([a-z]+-[a-z]+-\d)\.amazonaws\.com", host)
    return found[1] if found else "us-east-1"


def place(folder: str, name: str) -> tuple[str, str]:
    """The bucket and the key of a file in "bucket/prefix"."""
    bucket, _, prefix = folder.strip("/").partition("/")
    return bucket, f"{prefix}/{name}" if prefix else name
