"""Writes status: rarely, the latest only, and never an older one after a newer one.

It knows nothing of what a status says: the worker projects the ledger into
one and publishes it as often as it likes. One task for each object with
something to write; it ends when there is nothing left.
"""

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import structlog

from roleshift.cluster.client import (
    ConflictError,
    ContentType,
    InvalidError,
    KubernetesClient,
    NotFoundError,
)
from roleshift.cluster.migrations import object_path, status_path
from roleshift.cluster.token_bucket import TokenBucket
from roleshift.engine.identity import ObjectKey
from roleshift.errors import ClusterError

INTERVAL = 2.0
RATE = 50.0
BURST = 100
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 5.0  # a status is to be right within 10 s of the end of an outage

Status = Mapping[str, Any]
SendStatus = Callable[[ObjectKey, str, Status], Awaitable[None]]

_log = structlog.get_logger(__name__)


class Urgency(StrEnum):
    """Whether a status may wait for its turn."""

    NORMAL = "Normal"
    NOW = "Now"


class ObjectGoneError(ClusterError):
    """There is no object of that name with that UID any more."""

    def __init__(self, error: ClusterError) -> None:
        super().__init__(error.reason, error.message)


class StatusPatch:
    """Replaces the status of one incarnation of an object."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client

    async def __call__(self, key: ObjectKey, uid: str, status: Status) -> None:
        """Sends one JSON patch that applies to the object with this UID only.

        Raises:
            ObjectGoneError: the object is gone, or is another one of the same name.
            ClusterError: everything else.
        """
        await self._send(key, status, {"uid": uid})

    async def of_generation(self, key: ObjectKey, uid: str, generation: int, status: Status) -> None:
        """Sends one that applies only while the spec is still the one of that generation.

        Raises:
            ConflictError: the spec has changed; nothing was written.
            ObjectGoneError, ClusterError: as when called.
        """
        await self._send(key, status, {"uid": uid, "generation": generation})

    async def _send(self, key: ObjectKey, status: Status, expected: Mapping[str, str | int]) -> None:
        patch = [
            *({"op": "test", "path": f"/metadata/{k}", "value": v} for k, v in expected.items()),
            {"op": "add", "path": "/status", "value": dict(status)},
        ]
        try:
            await self._client.request("PATCH", status_path(key), patch, content_type=ContentType.JSON_PATCH)
        except NotFoundError as error:
            raise ObjectGoneError(error) from error
        except InvalidError as error:
            # A failed test and a status that the schema refuses are both a 422.
            await self._find_out(key, expected, error)
            raise

    async def _find_out(self, key: ObjectKey, expected: Mapping[str, str | int], error: InvalidError) -> None:
        try:
            metadata = (await self._client.request("GET", object_path(key)))["metadata"]
        except NotFoundError:
            raise ObjectGoneError(error) from error
        if metadata["uid"] != expected["uid"]:
            raise ObjectGoneError(error) from error
        if metadata["generation"] != expected.get("generation", metadata["generation"]):
            raise ConflictError(409, f"the spec of {key} has changed", retryable=True) from error


@dataclass(slots=True)
class _Entry:
    """What is known about the status of one object.

    Attributes:
        pending: canonical JSON of what is to be sent next, or None.
        sent: digest of what was sent last; empty while that is not certain.
        due: loop time before which only an urgent status leaves.
        retry_at: loop time before which nothing leaves, because the last attempt failed.
    """

    uid: str
    pending: bytes | None = None
    sent: bytes = b""
    due: float = 0.0
    retry_at: float = 0.0
    failures: int = 0
    urgent: asyncio.Event = field(default_factory=asyncio.Event)
    gone: bool = False
    task: asyncio.Task[None] | None = None


class StatusWriter:
    """Throttles status writes: see the module. For one loop; `publish` never waits."""

    def __init__(
        self,
        send: SendStatus,
        *,
        interval: float = INTERVAL,
        bucket: TokenBucket | None = None,
        on_written: Callable[[float], None] | None = None,
        on_failed: Callable[[ClusterError], None] | None = None,
    ) -> None:
        """Takes what sends one status, and what to call with the seconds of a write and with a failure.

        Args:
            send: usually a `StatusPatch`; raises ClusterError.
            interval: seconds between two writes of one object.
            bucket: shared by all objects; 50 writes a second and 100 at once when not given.
            on_written: called with the seconds that a successful write took.
            on_failed: called with each error, also with those that are tried again.
        """
        self._send = send
        self._interval = interval
        self._bucket = bucket or TokenBucket(rate=RATE, burst=BURST)
        self._on_written = on_written
        self._on_failed = on_failed
        self._entries: dict[ObjectKey, _Entry] = {}
        self._closed = False

    def publish(self, key: ObjectKey, uid: str, status: Status, urgency: Urgency = Urgency.NORMAL) -> None:
        """Makes this the status to be written next; what was published before and not sent is forgotten."""
        entry = self._entry(key, uid)
        if entry.gone or self._closed:
            return
        content = _canonical(status)
        if _digest(content) == entry.sent:
            entry.pending = None
            entry.urgent.clear()
            return
        entry.pending = content
        if urgency is Urgency.NOW:
            entry.urgent.set()
        if entry.task is None:
            entry.task = asyncio.create_task(self._drive(key, entry), name=f"status of {key}")

    def prime(self, key: ObjectKey, uid: str, status: Status) -> None:
        """Tells what the object's status is already, so that an identical one is not written.

        What this writer has sent itself is newer than what anybody has read.
        """
        entry = self._entry(key, uid)
        if entry.due == 0.0 and entry.pending is None:
            entry.sent = _digest(_canonical(status))

    async def flush(self, key: ObjectKey) -> None:
        """Returns when everything published for this object is written or given up."""
        entry = self._entries.get(key)
        while entry is not None and entry.task is not None:
            entry.urgent.set()
            await asyncio.wait({entry.task})

    def forget(self, key: ObjectKey) -> None:
        """Drops what is known about an object that is gone; nothing more is sent for it."""
        entry = self._entries.pop(key, None)
        if entry is not None and entry.task is not None:
            entry.task.cancel()

    async def close(self, timeout: float = 5.0) -> None:  # noqa: ASYNC109 - bounds the flush, does not fail
        """Takes nothing more, writes what is pending, gives up after `timeout` seconds."""
        self._closed = True
        flushes = {asyncio.create_task(self.flush(key)) for key in self._entries}
        if flushes:
            _, late = await asyncio.wait(flushes, timeout=timeout)
            for task in late:
                task.cancel()
        for key in list(self._entries):
            self.forget(key)

    def _entry(self, key: ObjectKey, uid: str) -> _Entry:
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry(uid)
        elif entry.uid != uid:
            entry.uid, entry.pending, entry.sent, entry.gone = uid, None, b"", False
        return entry

    async def _drive(self, key: ObjectKey, entry: _Entry) -> None:
        try:
            while entry.pending is not None:
                await self._turn(entry)
                await self._bucket.take()
                if entry.pending is not None:
                    await self._write(key, entry, entry.pending)
        finally:
            entry.task = None

    async def _turn(self, entry: _Entry) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(entry.retry_at - loop.time())
        wait = entry.due - loop.time()
        if wait > 0 and not entry.urgent.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await entry.urgent.wait()

    async def _write(self, key: ObjectKey, entry: _Entry, content: bytes) -> None:
        loop, uid = asyncio.get_running_loop(), entry.uid
        started = loop.time()
        entry.pending, entry.sent, entry.due = None, _digest(content), started + self._interval
        entry.urgent.clear()
        try:
            await self._send(key, uid, json.loads(content))
        except ClusterError as error:
            self._failed(key, entry, uid, content, error)
        else:
            entry.failures = 0
            if self._on_written is not None:
                self._on_written(loop.time() - started)

    def _failed(self, key: ObjectKey, entry: _Entry, uid: str, content: bytes, error: ClusterError) -> None:
        if self._on_failed is not None:
            self._on_failed(error)
        if entry.uid != uid:
            return
        entry.sent = b""
        if isinstance(error, ObjectGoneError):
            entry.pending, entry.gone = None, True
        elif error.retryable:
            self._postpone(entry, error)
            entry.pending = entry.pending or content
        _log.warning("status not written", namespace=key.namespace, name=key.name, error=error.message)

    def _postpone(self, entry: _Entry, error: ClusterError) -> None:
        pause = min(_FIRST_PAUSE * 2**entry.failures, _LONGEST_PAUSE)
        asked = getattr(error, "retry_after", None) or 0.0
        entry.due, entry.retry_at = 0.0, asyncio.get_running_loop().time() + max(pause, asked)
        entry.failures = min(entry.failures + 1, 10)


def _canonical(status: Status) -> bytes:
    return json.dumps(status, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()
