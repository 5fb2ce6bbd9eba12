"""Archives of a test: below a folder, or in a bucket of a server that speaks S3."""

import gzip
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from moto.server import ThreadedMotoServer

from roleshift.api import RoleMigrationSpec
from roleshift.archive.store import StoreAddress
from support.run_phases import spec_of

BUCKET = "backups"
_REGION = "us-east-1"
_MAY_ALL = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
}


@dataclass(frozen=True)
class Bucket:
    """A bucket and the server that it is on."""

    endpoint: str
    key_id: str = "somebody"
    secret: str = "canary-of-the-store"

    @property
    def config(self) -> dict[str, str]:
        """What a Secret says of it."""
        return {
            "aws_endpoint": self.endpoint,
            "aws_region": _REGION,
            "aws_access_key_id": self.key_id,
            "aws_secret_access_key": self.secret,
        }

    def names(self, prefix: str) -> list[str]:
        """The keys of the objects below a prefix."""
        found = _client(self.endpoint).list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/")
        return [one["Key"] for one in found.get("Contents", ())]

    def address(self, prefix: str) -> StoreAddress:
        """A prefix in it."""
        return StoreAddress(f"s3://{BUCKET}/{prefix}", self.config)


def _client(endpoint: str, service: str = "s3") -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=_REGION,
        aws_access_key_id="somebody",
        aws_secret_access_key="canary-of-the-store",
    )


@contextmanager
def s3_server() -> Iterator[Bucket]:
    """A server on a free port of loopback, with one bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        found = Bucket(f"http://{host}:{port}")
        _client(found.endpoint).create_bucket(Bucket=BUCKET)
        yield found
    finally:
        server.stop()


@contextmanager
def checking_s3_server() -> Iterator[Bucket]:
    """The same, by a server that knows one user, checks signatures, and lets nobody else in."""
    with s3_server() as found:
        iam = _client(found.endpoint, "iam")
        iam.create_user(UserName="archivist")
        iam.put_user_policy(UserName="archivist", PolicyName="archive", PolicyDocument=json.dumps(_MAY_ALL))
        key = iam.create_access_key(UserName="archivist")["AccessKey"]
        _count_of_unchecked(found.endpoint, "0")
        try:
            yield replace(found, key_id=key["AccessKeyId"], secret=key["SecretAccessKey"])
        finally:
            _count_of_unchecked(found.endpoint, "inf")


def _count_of_unchecked(endpoint: str, number: str) -> None:
    """How many requests the server lets through before it checks whose they are."""
    with closing(HTTPConnection(urlsplit(endpoint).netloc, timeout=10)) as connection:
        connection.request("POST", "/moto-api/reset-auth", number, {"Content-Type": "text/plain"})
        assert connection.getresponse().status == HTTPStatus.OK


def in_folder(folder: Path) -> StoreAddress:
    """Archives below a folder."""
    return StoreAddress(f"file://{folder}/archive", {}, (folder,))


def archived(address: StoreAddress, base: dict[str, Any] | None = None, **changes: Any) -> RoleMigrationSpec:
    """A spec with both methods."""
    backup = {"methods": ["Table", "Archive"], "archive": {"url": address.url}}
    return spec_of(base, backup=backup, **changes)


def files_of(folder: Path) -> dict[str, Path]:
    """The objects of the one run that is archived below a folder, by name."""
    return {path.name: path for path in sorted(folder.rglob("*")) if path.is_file()}


def rewrite(part: Path, old: bytes, new: bytes) -> None:
    """Change the content of a part, which stays a good file."""
    content = gzip.decompress(part.read_bytes())
    assert old in content
    part.write_bytes(gzip.compress(content.replace(old, new)))
