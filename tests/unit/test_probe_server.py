"""The little HTTP server: three answers, and patience with nobody."""

import asyncio
import http.client
from collections.abc import Callable

import pytest

from roleshift.controller.server import Heartbeat, ProbeServer


def server(*, healthy: Callable[[], str] = str, ready: Callable[[], str] = str) -> ProbeServer:
    return ProbeServer(
        metrics=lambda: b"roleshift_leader 1.0\n",
        metrics_type="text/plain; version=0.0.4",
        healthy=healthy,
        ready=ready,
        host="127.0.0.1",
    )


async def fetch(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    def blocking() -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    return await asyncio.to_thread(blocking)


async def test_each_port_answers_its_own_paths() -> None:
    subject = server()
    metrics_port, health_port = await subject.start(0, 0)
    assert metrics_port != health_port
    assert await fetch(metrics_port, "/metrics") == (200, "roleshift_leader 1.0\n")
    assert await fetch(health_port, "/healthz") == (200, "ok\n")
    assert await fetch(health_port, "/readyz?verbose") == (200, "ok\n")
    assert (await fetch(health_port, "/metrics"))[0] == 404
    assert (await fetch(metrics_port, "/healthz"))[0] == 404
    assert (await fetch(metrics_port, "/metrics", "POST"))[0] == 405
    assert await fetch(metrics_port, "/metrics", "HEAD") == (200, "")
    await subject.close()


async def test_one_port_may_serve_all() -> None:
    subject = server()
    port, _ = await subject.start(0, 0)
    await subject.close()
    assert await subject.start(port, port) == (port, port)
    assert (await fetch(port, "/metrics"))[0] == 200
    assert (await fetch(port, "/readyz"))[0] == 200
    await subject.close()


async def test_what_is_wrong_stands_in_the_answer() -> None:
    subject = server(ready=lambda: "the first list is not complete")
    _, port = await subject.start(0, 0)
    assert await fetch(port, "/readyz") == (503, "the first list is not complete\n")
    await subject.close()


@pytest.mark.parametrize("garbage", [b"\r\n\r\n", b"hello\r\n\r\n", b"GET /healthz\r\n\r\n", b"x" * 20000])
async def test_garbage_is_answered_and_harms_nothing(garbage: bytes) -> None:
    subject = server()
    _, port = await subject.start(0, 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(garbage)
    assert (await reader.readline()).startswith(b"HTTP/1.1 400")
    writer.close()
    assert (await fetch(port, "/healthz"))[0] == 200
    await subject.close()


async def test_who_only_connects_and_leaves_harms_nothing() -> None:
    subject = server()
    _, port = await subject.start(0, 0)
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    assert (await fetch(port, "/healthz"))[0] == 200
    await subject.close()


def test_a_heart_that_stops_beating_is_noticed() -> None:
    now = 100.0
    heart = Heartbeat(limit=10, clock=lambda: now)
    now = 109.0
    assert heart.verdict() == ""
    now = 113.0
    assert heart.verdict() == "the engine's loop has stalled for 13 s"
    heart.beat()
    assert heart.verdict() == ""
