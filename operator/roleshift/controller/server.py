"""A tiny HTTP server for /metrics, /healthz and /readyz; one short answer for each connection.

It runs beside kopf in the main thread's loop, so that it answers when the
engine's loop stalls, and it says so then.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import structlog

_REQUEST_BYTES = 8192
_REQUEST_SECONDS = 5.0
_TEXT = "text/plain; charset=utf-8"

Probe = Callable[[], str]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered."""

    status: HTTPStatus
    body: bytes
    content_type: str = _TEXT


Route = Callable[[], Awaitable[Reply]]


class Heartbeat:
    """Shows that a loop still turns: it beats there, and is asked from elsewhere. Safe between threads."""

    def __init__(self, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Takes how many seconds may pass between two beats."""
        self._limit = limit
        self._clock = clock
        self._last = clock()

    def beat(self) -> None:
        """Notes that the loop turns."""
        self._last = self._clock()

    async def keep_beating(self) -> None:
        """Beats in the running loop until cancelled."""
        while True:
            self.beat()
            await asyncio.sleep(min(1.0, self._limit / 3))

    def verdict(self) -> str:
        """What is wrong, or "" when the last beat is recent enough."""
        age = self._clock() - self._last
        return "" if age <= self._limit else f"the engine's loop has stalled for {age:.0f} s"


class ProbeServer:
    """Serves the operator's probes and metrics on one or two ports."""

    def __init__(
        self,
        *,
        metrics: Callable[[], bytes],
        metrics_type: str,
        healthy: Probe,
        ready: Probe,
        host: str = "",
    ) -> None:
        """Takes what to answer with.

        Args:
            metrics: renders the metrics; called in a thread, because thousands of series take a while.
            metrics_type: their content type.
            healthy: what is wrong so that the process should be ended, or "".
            ready: what is still missing, or "".
            host: the address to listen on; "" means all.
        """
        self._metrics = {"/metrics": _rendered(metrics, metrics_type)}
        self._probes = {"/healthz": _probed(healthy), "/readyz": _probed(ready)}
        self._host = host
        self._servers: list[asyncio.Server] = []

    async def start(self, metrics_port: int, health_port: int) -> tuple[int, int]:
        """Listens, logs the ports and returns them; 0 picks a free one, equal ones are shared.

        Raises:
            OSError: a port is taken.
        """
        if metrics_port == health_port != 0:
            ports = (await self._listen(metrics_port, self._metrics | self._probes),) * 2
        else:
            ports = (
                await self._listen(metrics_port, self._metrics),
                await self._listen(health_port, self._probes),
            )
        _log.info("listening", metrics_port=ports[0], health_port=ports[1])
        return ports

    async def close(self) -> None:
        """Listens no more."""
        for server in self._servers:
            server.close()
            await server.wait_closed()

    async def _listen(self, port: int, routes: Mapping[str, Route]) -> int:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                await _serve(reader, writer, routes)
            writer.close()

        listener = _listener(self._host, port)
        server = await asyncio.start_server(serve, sock=listener, limit=_REQUEST_BYTES)
        self._servers.append(server)
        return int(listener.getsockname()[1])


async def _serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, routes: Mapping[str, Route]
) -> None:
    async with asyncio.timeout(_REQUEST_SECONDS):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            head = b""
    method, reply = await _answer(head, routes)
    writer.write(_head(reply) + (b"" if method == "HEAD" else reply.body))
    await writer.drain()


async def _answer(head: bytes, routes: Mapping[str, Route]) -> tuple[str, Reply]:
    words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return "", _said(HTTPStatus.BAD_REQUEST)
    method, target = words[0], words[1].partition("?")[0]
    if target not in routes:
        return method, _said(HTTPStatus.NOT_FOUND)
    if method not in ("GET", "HEAD"):
        return method, _said(HTTPStatus.METHOD_NOT_ALLOWED)
    return method, await routes[target]()


def _rendered(render: Callable[[], bytes], content_type: str) -> Route:
    async def route() -> Reply:
        return Reply(HTTPStatus.OK, await asyncio.to_thread(render), content_type)

    return route


def _probed(probe: Probe) -> Route:
    async def route() -> Reply:
        wrong = probe()
        return _said(HTTPStatus.SERVICE_UNAVAILABLE, wrong) if wrong else _said(HTTPStatus.OK, "ok")

    return route


def _said(status: HTTPStatus, text: str = "") -> Reply:
    return Reply(status, f"{text or status.phrase}\n".encode())


def _head(reply: Reply) -> bytes:
    return (
        f"HTTP/1.1 {reply.status.value} {reply.status.phrase}\r\n"
        f"Content-Type: {reply.content_type}\r\n"
        f"Content-Length: {len(reply.body)}\r\n"
        "Connection: close\r\n\r\n"
    ).encode("latin-1")


def _listener(host: str, port: int) -> socket.socket:
    if host or not socket.has_dualstack_ipv6():
        return socket.create_server((host, port))
    return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
