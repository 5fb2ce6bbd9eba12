"""Archives of a test: below a folder, or in a bucket of a server that speaks S3."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from roleshift.api import RoleMigrationSpec
from roleshift.archive.store import StoreAddress
from support.run_phases import spec_of

BUCKET = "backups"
_REGION = "us-east-1"


@dataclass(frozen=True)
class Bucket:
    """A bucket and the server that it is on."""

    endpoint: str

    @property
    def config(self) -> dict[str, str]:
        """What a Secret says of it."""
        return {
            "aws_endpoint": self.endpoint,
            "aws_region": _REGION,
            "aws_access_key_id": "somebody",
            "aws_secret_access_key": "canary-of-the-store",
        }

    def names(self, prefix: str) -> list[str]:
        """The keys of the objects below a prefix."""
        found = _client(self.endpoint).list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/")
        return [one["Key"] for one in found.get("Contents", ())]

    def address(self, prefix: str) -> StoreAddress:
        """A prefix in it."""
        return StoreAddress(f"s3://{BUCKET}/{prefix}", self.config)


def _client(endpoint: str) -> Any:
    return boto3.client(
        "s3",
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
