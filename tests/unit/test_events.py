"""Events: in order, cut to size, and never an error for the run."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from roleshift.cluster.client import ApiError, KubernetesClient
from roleshift.cluster.events import MESSAGE_BYTES, EventRecorder, EventType, cut
from roleshift.engine.identity import ObjectRef
from roleshift.errors import ClusterError

RunVirtual = Callable[[Coroutine[Any, Any, Any]], Any]

REF = ObjectRef("people", "seniority", "uid-1", "17")
NOW = datetime(2026, 5, 4, 3, 2, 1, 123456, tzinfo=UTC)


@dataclass
class Requests:
    """Records requests; fails as it is told."""

    answers: list[ClusterError | None] = field(default_factory=list)
    sent: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    async def request(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        self.sent.append((method, path, body))
        await asyncio.sleep(0.01)
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        return {}

    @property
    def messages(self) -> list[str]:
        return [body["message"] for _, _, body in self.sent]


def recorder(requests: Requests, **options: Any) -> EventRecorder:
    client = cast(KubernetesClient, requests)
    return EventRecorder(client, "roleshift.dev/operator", "pod-1", now=lambda: NOW, **options)


def test_an_event_names_the_object_the_reporter_and_the_time(run_virtual: RunVirtual) -> None:
    requests = Requests()

    async def scenario() -> None:
        subject = recorder(requests)
        subject.emit(REF, EventType.WARNING, "ChecksFailed", "Locks: 3 sessions wait")
        await subject.close()

    run_virtual(scenario())
    ((method, path, body),) = requests.sent
    assert (method, path) == ("POST", "/api/v1/namespaces/people/events")
    assert body["involvedObject"] == {
        "apiVersion": "roleshift.dev/v1alpha1",
        "kind": "RoleMigration",
        "namespace": "people",
        "name": "seniority",
        "uid": "uid-1",
        "resourceVersion": "17",
    }
    assert (body["type"], body["reason"]) == ("Warning", "ChecksFailed")
    assert (body["reportingComponent"], body["reportingInstance"]) == ("roleshift.dev/operator", "pod-1")
    assert body["eventTime"] == "2026-05-04T03:02:01.123456Z"
    assert body["metadata"]["name"].startswith("seniority.")


def test_events_keep_their_order_and_an_outage_only_delays_them(run_virtual: RunVirtual) -> None:
    requests = Requests(answers=[ApiError(503, "away", retryable=True)] * 2)

    async def scenario() -> None:
        subject = recorder(requests)
        for number in range(4):
            subject.emit(REF, EventType.NORMAL, "Checking", str(number))
        await subject.close(timeout=60)

    run_virtual(scenario())
    assert requests.messages == ["0", "0", "0", "1", "2", "3"]


def test_an_event_that_is_refused_is_dropped_and_counted_and_the_next_one_is_sent(
    run_virtual: RunVirtual,
) -> None:
    requests, dropped = Requests(answers=[ApiError(422, "no", retryable=False)]), list[str]()

    async def scenario() -> None:
        subject = recorder(requests, on_dropped=dropped.append)
        subject.emit(REF, EventType.NORMAL, "First", "1")
        subject.emit(REF, EventType.NORMAL, "Second", "2")
        await subject.close()

    run_virtual(scenario())
    assert dropped == ["First"]
    assert requests.messages == ["1", "2"]


def test_the_newest_thousand_wait_when_the_server_is_away(run_virtual: RunVirtual) -> None:
    requests = Requests(answers=[ApiError(503, "away", retryable=True)] * 100)
    dropped: list[str] = []

    async def scenario() -> None:
        subject = recorder(requests, on_dropped=dropped.append)
        for number in range(1300):
            subject.emit(REF, EventType.NORMAL, str(number), "x")
        await subject.close(timeout=1)

    run_virtual(scenario())
    assert dropped[0] == "0"
    assert dropped[-1] == "1299"


@given(text=st.text(max_size=2000), most=st.integers(10, 1200))
def test_a_cut_message_fits_and_is_a_beginning(text: str, most: int) -> None:
    text = text.encode(errors="replace").decode()
    shown = cut(text, most)
    assert len(shown.encode()) <= most
    assert text.startswith(shown.removesuffix("…")) or text == shown


def test_a_message_that_fits_is_whole() -> None:
    assert cut("ü" * (MESSAGE_BYTES // 2), MESSAGE_BYTES) == "ü" * (MESSAGE_BYTES // 2)
    assert cut("ü" * 513, MESSAGE_BYTES).endswith("…")
