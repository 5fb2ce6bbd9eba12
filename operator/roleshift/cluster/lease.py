"""A Lease chooses which of several operators works.

That is for efficiency only: a paused leader that wakes up believes in its
Lease for a moment. What it may write is decided in the database (fencing).
The rules are those of client-go's leader election: a Lease counts from when
this process saw it change, so clocks of different machines don't matter.
"""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import structlog

from roleshift.cluster.client import ConflictError, KubernetesClient, NotFoundError
from roleshift.errors import ClusterError

Callback = Callable[[], Awaitable[None]]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The Lease as it was last read or written, and when in loop time."""

    lease: dict[str, Any]
    at: float

    @property
    def holder(self) -> str:
        return self.lease["spec"].get("holderIdentity") or ""

    @property
    def version(self) -> str:
        return str(self.lease["metadata"]["resourceVersion"])

    def expired(self, now: float) -> bool:
        return now >= self.at + float(self.lease["spec"].get("leaseDurationSeconds") or 0)


class LeaderElector:
    """Takes a Lease, keeps it, and tells when it is gained and lost."""

    def __init__(
        self,
        client: KubernetesClient,
        namespace: str,
        name: str = "roleshift-operator",
        *,
        identity: str,
        lease_seconds: float = 15.0,
        renew_seconds: float = 10.0,
        retry_seconds: float = 2.0,
    ) -> None:
        """Takes where the Lease is, and how long things last.

        Args:
            client: gives the Lease a thread of its own, so that slow requests don't cost it.
            namespace: where the Lease is.
            name: the Lease's name.
            identity: the pod's name; the same identity takes its own Lease back at once.
            lease_seconds: after so long without a renewal others may take it; written in whole seconds.
            renew_seconds: a leader that could not renew for so long stops; less than `lease_seconds`.
            retry_seconds: between two attempts, to take as to renew.
        """
        self._client = client.lane(timeout=max(1.0, renew_seconds / 2))
        self._collection = f"/apis/coordination.k8s.io/v1/namespaces/{quote(namespace, safe='')}/leases"
        self._name = name
        self._identity = identity
        self._duration = math.ceil(lease_seconds)
        self._renew_seconds = renew_seconds
        self._retry_seconds = retry_seconds
        self._seen: _Seen | None = None
        self._leading = False
        self._until = 0.0
        self._now: Callable[[], float] = lambda: 0.0

    @property
    def leading(self) -> bool:
        """Whether this process may work: false at once after a pause in which the Lease ran out."""
        return self._leading and self._now() < self._until

    async def run(self, on_started: Callback, on_stopped: Callback) -> None:
        """Takes part until cancelled; then stops working and gives the Lease back.

        Args:
            on_started: awaited each time the Lease is gained; renewals wait for it, so it returns soon.
            on_stopped: awaited each time the Lease is lost, and before it is given back.
        """
        self._now = asyncio.get_running_loop().time
        try:
            while True:
                await self._acquire()
                await self._lead(on_started, on_stopped)
        finally:
            await self._release()
            self._client.close()

    async def _acquire(self) -> None:
        while not await self._attempt():  # noqa: ASYNC110 - polls another process
            await asyncio.sleep(self._retry_seconds)

    async def _lead(self, on_started: Callback, on_stopped: Callback) -> None:
        self._leading = True
        _log.info("lease gained", identity=self._identity)
        try:
            await on_started()
            await self._renew()
        finally:
            self._leading = False
            _log.info("lease lost or given back", identity=self._identity)
            await on_stopped()

    async def _renew(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._until) as deadline:
                while True:
                    await asyncio.sleep(self._retry_seconds)
                    if await self._attempt():
                        deadline.reschedule(self._until)
                    elif self._seen is not None and not self._mine():
                        return

    async def _attempt(self) -> bool:
        """Tries once to take or renew the Lease."""
        started = self._now()
        try:
            if not self._mine():
                await self._read()
            taken = await self._write()
        except ConflictError:
            if self._mine():
                self._seen = None
                return await self._attempt()
            return False
        except ClusterError as error:
            _log.warning("lease not reached", error=error.message)
            return False
        if taken:
            self._until = started + self._renew_seconds
        return taken

    async def _read(self) -> None:
        try:
            lease = await self._client.request("GET", f"{self._collection}/{self._name}")
        except NotFoundError:
            self._seen = None
            return
        if self._seen is None or self._seen.lease["spec"] != lease["spec"]:
            self._seen = self._now_seen(lease)
        else:
            self._seen = _Seen(lease, self._seen.at)

    async def _write(self) -> bool:
        seen = self._seen
        if seen is None:
            answer = await self._client.request("POST", self._collection, self._lease(None))
        elif self._mine() or not seen.holder or seen.expired(self._now()):
            path = f"{self._collection}/{self._name}"
            answer = await self._client.request("PUT", path, self._lease(seen))
        else:
            return False
        self._seen = self._now_seen(answer)
        return True

    async def _release(self) -> None:
        if self._seen is None or not self._mine():
            return
        lease = self._lease(self._seen)
        lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            await self._client.request("PUT", f"{self._collection}/{self._name}", lease)
        except ClusterError as error:
            _log.warning("lease not given back", error=error.message)
        self._seen = None

    def _mine(self) -> bool:
        return self._seen is not None and self._seen.holder == self._identity

    def _now_seen(self, lease: dict[str, Any]) -> _Seen:
        return _Seen(lease, self._now())

    def _lease(self, seen: _Seen | None) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        old = seen.lease["spec"] if seen is not None else {}
        kept = seen is not None and seen.holder == self._identity
        transitions = int(old.get("leaseTransitions") or 0)
        metadata = {"name": self._name} | ({"resourceVersion": seen.version} if seen is not None else {})
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": self._duration,
                "acquireTime": old.get("acquireTime", now) if kept else now,
                "renewTime": now,
                "leaseTransitions": transitions + (0 if kept or seen is None else 1),
            },
        }
