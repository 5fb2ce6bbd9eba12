"""A TCP proxy in front of PostgreSQL that is slow, or cuts a connection at a certain word. No TLS."""

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Self

from localenv.database import Database
from localenv.ports import LOOPBACK
from localenv.wait import wait_until

_CHUNK = 65536
_DEADLINE = 20.0


class TroubledProxy:
    """Passes everything on until it is told otherwise; a context manager."""

    def __init__(self, database: Database) -> None:
        """Take the database to stand in front of."""
        self._database = database
        self._listener = socket.create_server((LOOPBACK, 0))
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._word, self._cuts = b"", 0
        self.delay_seconds = 0.0
        self.cut = 0

    def __enter__(self) -> Self:
        """Begin to accept."""
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Close everything."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for side in self._open:
            _close(side)

    @property
    def uri(self) -> str:
        """The owner's URI by way of the proxy."""
        server = self._database.server
        port = self._listener.getsockname()[1]
        return self._database.uri.replace(f"{server.host}:{server.port}/", f"{LOOPBACK}:{port}/")

    def cut_at(self, word: bytes, times: int = 1) -> None:
        """Cut the next connections that send something with that word in it, instead of passing it on."""
        with self._lock:
            self._word, self._cuts = word, times

    def wait_until_cut(self, times: int = 1) -> None:
        """Wait until so many connections were cut."""
        wait_until(lambda: self.cut >= times, _DEADLINE, f"{times} connections were cut")

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection((self._database.server.host, self._database.server.port))
            self._open += [client, server]
            for source, to, asks in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._forward, args=(source, to, asks), daemon=True).start()

    def _forward(self, source: socket.socket, to: socket.socket, asks: bool) -> None:
        with contextlib.suppress(OSError):
            while said := source.recv(_CHUNK):
                if asks and self._is_cut(said):
                    break
                time.sleep(self.delay_seconds if asks else 0.0)
                to.sendall(said)
        _close(source)
        _close(to)

    def _is_cut(self, said: bytes) -> bool:
        with self._lock:
            if not self._cuts or self._word not in said:
                return False
            self._cuts -= 1
            self.cut += 1
            return True


def _close(side: socket.socket) -> None:
    with contextlib.suppress(OSError):
        side.shutdown(socket.SHUT_RDWR)
    side.close()
