"""A server of objects that is slow or full: what it is asked goes on to a real one, late or not at all."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_HOP = frozenset({"connection", "transfer-encoding", "content-length", "server", "date"})


class StoreProxy:
    """Stands before a server.

    Attributes:
        delay_seconds: before each answer.
        full_above: objects with more bytes than this are refused as a full store does; None refuses none.
        on_put: called with the path of an object that is to be put, before the delay.
    """

    def __init__(self, endpoint: str) -> None:
        self._behind = urlsplit(endpoint).netloc
        self.delay_seconds = 0.0
        self.full_above: int | None = None
        self.on_put: Callable[[str], object] = lambda _: None

    def answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> http.client.HTTPResponse:
        """What the server behind says."""
        behind = http.client.HTTPConnection(self._behind, timeout=30)
        behind.request(method, path, body, headers)
        return behind.getresponse()

    def refuses(self, method: str, body: bytes) -> bool:
        """Whether there is no room for it."""
        return method == "PUT" and self.full_above is not None and len(body) > self.full_above


@contextmanager
def store_proxy(endpoint: str) -> Iterator[tuple[StoreProxy, str]]:
    """A proxy on a free port of loopback, and its own endpoint."""
    proxy = StoreProxy(endpoint)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(proxy))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield proxy, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(proxy: StoreProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.command == "PUT":
                proxy.on_put(self.path)
            time.sleep(proxy.delay_seconds)
            if proxy.refuses(self.command, body):
                self.send_response(507, "Insufficient Storage")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            found = proxy.answer(self.command, self.path, dict(self.headers.items()), body)
            self._pass_on(found)

        def _pass_on(self, found: http.client.HTTPResponse) -> None:
            content = found.read()
            self.send_response(found.status)
            for name, value in found.getheaders():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            size = found.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
            self.send_header("Content-Length", size or "0")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_DELETE = do_HEAD = do_POST = _serve  # noqa: N815 - names of the library

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    return Handler
