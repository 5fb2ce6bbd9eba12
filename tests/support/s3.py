"""A server that speaks S3, moto's, in a process of its own on a free port of loopback."""

import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import boto3

from localenv.ports import LOOPBACK, start_on_free_port
from localenv.process import ChildProcess, Program
from localenv.wait import wait_until
from roleshift.archive.store import StoreAddress

BUCKET = "backups"
_REGION = "us-east-1"
_START_SECONDS = 30.0
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
        found = _client(self.endpoint, "s3").list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/")
        return [one["Key"] for one in found.get("Contents", ())]

    def address(self, prefix: str) -> StoreAddress:
        """A prefix in it."""
        return StoreAddress(f"s3://{BUCKET}/{prefix}", self.config)


@contextmanager
def s3_server() -> Iterator[Bucket]:
    """A running server with one bucket; it takes any credentials."""
    with TemporaryDirectory(prefix="roleshift-s3-") as folder, _process(Path(folder)) as endpoint:
        _client(endpoint, "s3").create_bucket(Bucket=BUCKET)
        yield Bucket(endpoint)


@contextmanager
def checking_s3_server() -> Iterator[Bucket]:
    """One that knows one user, checks signatures, and lets nobody else in."""
    with s3_server() as found:
        iam = _client(found.endpoint, "iam")
        iam.create_user(UserName="archivist")
        iam.put_user_policy(UserName="archivist", PolicyName="archive", PolicyDocument=json.dumps(_MAY_ALL))
        key = iam.create_access_key(UserName="archivist")["AccessKey"]
        _check_from_now_on(found.endpoint)
        yield replace(found, key_id=key["AccessKeyId"], secret=key["SecretAccessKey"])


@contextmanager
def _process(folder: Path) -> Iterator[str]:
    started: list[ChildProcess] = []

    def starts_on(port: int) -> bool:
        command = [sys.executable, "-m", "moto.server", "--host", LOOPBACK, "--port", str(port)]
        server = ChildProcess(Program("S3 server", command, folder / "server.log"))
        started.append(server)
        wait_until(lambda: not server.running or _answers(port), _START_SECONDS, "the S3 server answers")
        return server.running

    try:
        port = start_on_free_port(starts_on)
        assert port, started[-1].log_tail()
        yield f"http://{LOOPBACK}:{port}"
    finally:
        for server in started:
            server.kill()


def _answers(port: int) -> bool:
    try:
        with closing(HTTPConnection(LOOPBACK, port, timeout=5)) as connection:
            connection.request("GET", "/moto-api/")
            return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False


def _check_from_now_on(endpoint: str) -> None:
    """No request more is let through without a look at whose it is."""
    with closing(HTTPConnection(urlsplit(endpoint).netloc, timeout=10)) as connection:
        connection.request("POST", "/moto-api/reset-auth", "0", {"Content-Type": "text/plain"})
        assert connection.getresponse().status == HTTPStatus.OK


def _client(endpoint: str, service: str) -> Any:
    own = Bucket(endpoint)
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=_REGION,
        aws_access_key_id=own.key_id,
        aws_secret_access_key=own.secret,
    )
