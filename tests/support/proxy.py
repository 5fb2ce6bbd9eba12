"""A TCP proxy in front of PostgreSQL that knows a COMMIT when it sees one, and can lose it.

It reads just enough of the frontend's protocol for that: how long each message is, and what was
said since the last BEGIN. No TLS.
"""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import BinaryIO, Self
from urllib.parse import urlsplit, urlunsplit

from localenv.database import Database
from localenv.ports import LOOPBACK
from localenv.wait import wait_until

WRITE = b"SHARE ROW EXCLUSIVE"
"""Said only in the transactions that write to the target."""
IMAGE = b"CREATE TABLE"
"""Said in the transaction that makes the image."""

_CHUNK = 65536
_DEADLINE = 20.0
_STARTUP = 196608  # protocol 3.0; anything else without a type is a request before it
_QUERY = b"Q"


class Fate(StrEnum):
    """What becomes of a COMMIT; in each case the client's connection is cut."""

    ANSWER_LOST = "AnswerLost"
    NEVER_SENT = "NeverSent"
    DELIVERED_LATE = "DeliveredLate"


@dataclass
class _Plan:
    """What the next COMMIT of a transaction that said `marker` meets; shared by all connections."""

    fate: Fate | None = None
    marker: bytes = b""
    caught: int = 0
    late: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fate_of(self, said: bytes) -> Fate | None:
        with self.lock:
            if self.fate is None or self.marker not in said:
                return None
            fate, self.fate = self.fate, None
            return fate

    def count(self) -> None:
        with self.lock:
            self.caught += 1


class CommitProxy:
    """Forwards connections to a database's server until a COMMIT that was chosen comes by."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listener = socket.create_server((LOOPBACK, 0))
        self._links: list[_Link] = []
        self._plan = _Plan()

    def __enter__(self) -> Self:
        """Begin to listen."""
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Cut every connection and stop listening."""
        self._plan.late.set()
        _close(self._listener)
        for link in self._links:
            link.cut()

    @property
    def uri(self) -> str:
        """The database's URI, led through the proxy."""
        parts = urlsplit(self._database.uri)
        who = parts.netloc.rpartition("@")[0]
        return urlunsplit(parts._replace(netloc=f"{who}@{LOOPBACK}:{self._listener.getsockname()[1]}"))

    def arm(self, fate: Fate, marker: bytes = WRITE) -> None:
        """Choose what becomes of the next COMMIT of a transaction in which `marker` was said."""
        self._plan.fate, self._plan.marker = fate, marker

    def wait_until_caught(self, times: int = 1) -> None:
        """Wait until so many COMMITs met their fate."""
        wait_until(lambda: self._plan.caught >= times, _DEADLINE, "a COMMIT reaches the proxy")

    def deliver(self) -> None:
        """Let the late COMMIT go on to the server."""
        self._plan.late.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection((self._database.server.host, self._database.server.port))
                self._links.append(_Link(client, server, self._plan))


class _Link:
    """One client's connection and its counterpart to the server."""

    def __init__(self, client: socket.socket, server: socket.socket, plan: _Plan) -> None:
        self._client, self._server, self._plan = client, server, plan
        for side in (client, server):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._fate: Fate | None = None
        for work in (self._forward_questions, self._forward_answers):
            threading.Thread(target=work, name="proxy link", daemon=True).start()

    def cut(self) -> None:
        """Close both sides."""
        _close(self._client)
        _close(self._server)

    def _forward_questions(self) -> None:
        with contextlib.suppress(OSError, struct.error):
            said = b""
            for message in _messages(self._client.makefile("rb")):
                said = b"" if _is(message, b"BEGIN") else said + message
                self._fate = self._plan.fate_of(said) if _is(message, b"COMMIT") else None
                if self._fate is not None:
                    self._lose(message, self._fate)
                    return
                self._server.sendall(message)
        self.cut()

    def _forward_answers(self) -> None:
        with contextlib.suppress(OSError):
            while answer := self._server.recv(_CHUNK):
                if self._fate is Fate.ANSWER_LOST:
                    break
                if self._fate is None:
                    self._client.sendall(answer)
        if self._fate is Fate.ANSWER_LOST:
            self._plan.count()
        if self._fate is not Fate.DELIVERED_LATE:
            self.cut()

    def _lose(self, commit: bytes, fate: Fate) -> None:
        if fate is Fate.ANSWER_LOST:
            self._server.sendall(commit)
            return
        _close(self._client)
        self._plan.count()
        if fate is Fate.DELIVERED_LATE:
            self._plan.late.wait(_DEADLINE)
            with contextlib.suppress(OSError):
                self._server.sendall(commit)
                return
        _close(self._server)


def _messages(stream: BinaryIO) -> Iterator[bytes]:
    """The messages of a frontend, whole and in order."""
    code = 0
    while code != _STARTUP:
        length, code = struct.unpack("!ii", header := stream.read(8))
        yield header + stream.read(length - 8)
    while kind := stream.read(1):
        (length,) = struct.unpack("!i", size := stream.read(4))
        yield kind + size + stream.read(length - 4)


def _is(message: bytes, command: bytes) -> bool:
    """Whether a message is that command by the simple protocol, as psycopg begins and ends transactions."""
    return message.startswith(_QUERY) and message[5:].startswith(command)


def _close(side: socket.socket) -> None:
    """Close a connection under the nose of a thread that reads it."""
    with contextlib.suppress(OSError):
        side.shutdown(socket.SHUT_RDWR)
    side.close()
