"""A connection pooler in transaction mode in front of a database, as PgBouncer works.

Clients get a server process for each transaction and share a pool of them. It reads just enough of the
protocol for that: the length of each message and the transaction's state in ReadyForQuery. It reaches the
server through the unix socket, which asks for no password, and never checks one itself.
"""

import asyncio
import contextlib
import struct
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from localenv.database import Database
from localenv.ports import LOOPBACK

_PROTOCOL = 196608
_READY = b"Z"
_TERMINATE = b"X"
_IDLE = b"I"
_SECONDS = 10.0
_FOR_NOBODY = 0x7FFF0001

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class TransactionPooler:
    """Runs in a thread of its own; a context manager."""

    def __init__(self, database: Database, processes: int = 1) -> None:
        """Take the database and how many of the server's processes the clients share."""
        self._database = database
        self._processes = processes
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="pooler", daemon=True)
        self._pool: asyncio.LifoQueue[Stream] = asyncio.LifoQueue()
        self._writers: list[asyncio.StreamWriter] = []
        self._parameters = b""
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        """Fill the pool and begin to listen."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._begin(), self._loop).result(_SECONDS)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Cut every connection."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_SECONDS)
        self._loop.close()

    @property
    def uri(self) -> str:
        """The owner's URI, through the pooler."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        parts = urlsplit(self._database.uri)
        where = f"{parts.netloc.rpartition('@')[0]}@{LOOPBACK}:{port}"
        return urlunsplit(parts._replace(netloc=where))

    async def _begin(self) -> None:
        for _ in range(self._processes):
            self._pool.put_nowait(await self._server_process())
        self._server = await asyncio.start_server(self._serve, LOOPBACK, 0)

    async def _end(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _server_process(self) -> Stream:
        server = self._database.server
        reader, writer = await asyncio.open_unix_connection(f"{server.folder}/.s.PGSQL.{server.port}")
        self._writers.append(writer)
        words = ("user", self._database.owner, "database", self._database.name, "")
        body = struct.pack("!i", _PROTOCOL) + b"".join(word.encode() + b"\0" for word in words)
        writer.write(struct.pack("!i", len(body) + 4) + body)
        greeting = b""
        while True:
            kind, message = await _message(reader)
            if kind == b"S":
                greeting += message
            if kind == _READY:
                self._parameters = greeting
                return reader, writer

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        said: asyncio.Queue[bytes | None] = asyncio.Queue()
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._greet(reader, writer)
            listening = asyncio.create_task(_listen(reader, said))
            message = await said.get()
            while message is not None:
                message = await self._one_transaction(message, said, writer)
            await listening
        writer.close()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            (length,) = struct.unpack("!i", await reader.readexactly(4))
            body = await reader.readexactly(length - 4)
            if struct.unpack("!i", body[:4])[0] == _PROTOCOL:
                break
            writer.write(b"N")
        accepted = b"R" + struct.pack("!ii", 8, 0)
        key = b"K" + struct.pack("!iii", 12, _FOR_NOBODY, 0)
        writer.write(accepted + self._parameters + key + _READY + struct.pack("!i", 5) + _IDLE)

    async def _one_transaction(
        self, message: bytes, said: "asyncio.Queue[bytes | None]", writer: asyncio.StreamWriter
    ) -> bytes | None:
        """Give the client a process from this message on; what it says after the transaction's end."""
        process = await self._pool.get()
        process[1].write(message)
        back = asyncio.create_task(_back(process[0], writer))
        while True:
            forth = asyncio.create_task(said.get())
            await asyncio.wait((back, forth), return_when=asyncio.FIRST_COMPLETED)
            if back.done():
                self._pool.put_nowait(process)
                return await forth
            more = forth.result()
            if more is None:
                back.cancel()
                return None
            process[1].write(more)


async def _listen(reader: asyncio.StreamReader, said: "asyncio.Queue[bytes | None]") -> None:
    """Note what a client says; None when it takes its leave."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            kind, message = await _message(reader)
            if kind == _TERMINATE:
                break
            said.put_nowait(message)
    said.put_nowait(None)


async def _back(reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
    """Pass answers on until the transaction is over."""
    while True:
        kind, message = await _message(reader)
        client.write(message)
        if kind == _READY and message[-1:] == _IDLE:
            return


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readexactly(5)
    (length,) = struct.unpack("!i", head[1:])
    return head[:1], head + await reader.readexactly(length - 4)
