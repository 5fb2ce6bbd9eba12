"""Kubernetes Events about a run, sent in the background and in order.

What `kubectl describe` shows. An event that can't be sent is logged and
counted and never reaches the run; the status is what people rely on.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import structlog

from roleshift.api import API_VERSION, KIND
from roleshift.cluster.client import KubernetesClient
from roleshift.engine.identity import ObjectRef
from roleshift.errors import ClusterError, Reason

MESSAGE_BYTES = 1024
REASON_CHARACTERS = 128
_NAME_CHARACTERS = 200
_WAITING = 1000
_ATTEMPTS = 5
_FIRST_PAUSE = 0.5

_log = structlog.get_logger(__name__)


class EventType(StrEnum):
    """What Kubernetes distinguishes."""

    NORMAL = "Normal"
    WARNING = "Warning"


class EventRecorder:
    """Sends events for one operator process. For one loop; `emit` never waits and never raises."""

    def __init__(
        self,
        client: KubernetesClient,
        component: str,
        instance: str,
        *,
        on_dropped: Callable[[str], None] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Takes who reports.

        Args:
            client: sends the events.
            component: what reports, a qualified name such as `roleshift.dev/operator`.
            instance: which process of it, usually the pod's name.
            now: the wall clock.
            on_dropped: called with an event's reason when it was given up.
        """
        self._client = client
        self._component = component
        self._instance = instance
        self._on_dropped = on_dropped
        self._now = now
        self._waiting: deque[dict[str, Any]] = deque()
        self._task: asyncio.Task[None] | None = None

    def emit(self, ref: ObjectRef, type: EventType, reason: str, message: str) -> None:  # noqa: A002
        """Queues one event about the object; the message is cut to 1024 bytes."""
        if len(self._waiting) >= _WAITING:
            self._drop(self._waiting.popleft(), "too many events are waiting")
        self._waiting.append(self._event(ref, type, reason, message))
        if self._task is None:
            self._task = asyncio.create_task(self._drain(), name="events")

    async def close(self, timeout: float = 5.0) -> None:  # noqa: ASYNC109 - bounds the wait, does not fail
        """Sends what is queued; gives up after `timeout` seconds."""
        task = self._task
        if task is not None:
            await asyncio.wait({task}, timeout=timeout)
            task.cancel()
        while self._waiting:
            self._drop(self._waiting.popleft(), "the operator stops")

    async def _drain(self) -> None:
        try:
            while self._waiting:
                await self._send(self._waiting.popleft())
        finally:
            self._task = None

    async def _send(self, event: dict[str, Any]) -> None:
        path = f"/api/v1/namespaces/{quote(event['metadata']['namespace'], safe='')}/events"
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                await self._client.request("POST", path, event)
            except ClusterError as error:
                if error.reason is not Reason.KUBERNETES_UNAVAILABLE or attempt == _ATTEMPTS:
                    self._drop(event, error.message)
                    return
                await asyncio.sleep(_FIRST_PAUSE * 2 ** (attempt - 1))
            else:
                return

    def _drop(self, event: dict[str, Any], why: str) -> None:
        involved = event["involvedObject"]
        _log.warning(
            "event not sent",
            namespace=involved["namespace"],
            name=involved["name"],
            reason=event["reason"],
            error=why,
        )
        if self._on_dropped is not None:
            self._on_dropped(event["reason"])

    def _event(self, ref: ObjectRef, kind: EventType, reason: str, message: str) -> dict[str, Any]:
        now = self._now().astimezone(UTC)
        second = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{ref.name[:_NAME_CHARACTERS]}.{uuid4().hex[:16]}",
                "namespace": ref.namespace,
            },
            "involvedObject": _involved(ref),
            "type": kind.value,
            "reason": reason[:REASON_CHARACTERS],
            "action": reason[:REASON_CHARACTERS],
            "message": cut(message, MESSAGE_BYTES),
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "reportingInstance": self._instance[:REASON_CHARACTERS],
            "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "firstTimestamp": second,
            "lastTimestamp": second,
            "count": 1,
        }


def cut(text: str, most: int) -> str:
    """The text in at most so many bytes of UTF-8, with an ellipsis where something was cut off."""
    raw = text.encode()
    if len(raw) <= most:
        return text
    return raw[: most - len("…".encode())].decode(errors="ignore") + "…"


def _involved(ref: ObjectRef) -> dict[str, str]:
    involved = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "namespace": ref.namespace,
        "name": ref.name,
        "uid": ref.uid,
    }
    return involved | ({"resourceVersion": ref.resource_version} if ref.resource_version else {})
