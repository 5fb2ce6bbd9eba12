"""TLS in front of a PostgreSQL server whose build has none.

Answers the client's SSLRequest as a server with TLS does, then passes bytes on to the plain server.
Clients see a real handshake with a real certificate; the server sees an ordinary connection.
"""

import asyncio
import contextlib
import ssl
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from localenv.certificates import issue_server_certificate
from localenv.folders import create_folder, remove_folder
from localenv.ports import LOOPBACK

# Length 8 and the code 80877103: "Message Formats" in PostgreSQL's documentation.
_SSL_REQUEST = bytes.fromhex("0000000804d2162f")
_CHUNK_BYTES = 65_536


class TlsProxy:
    """A context manager: accepts TLS on `port`, connects to 127.0.0.1:`server_port` without it."""

    def __init__(self, server_port: int) -> None:
        """Prepare a certificate for 127.0.0.1 and its authority; nothing listens yet."""
        self.port = 0
        self._server_port = server_port
        self._folder = create_folder("tls")
        self._files = issue_server_certificate(self._folder, LOOPBACK)
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(self._files.certificate, self._files.key)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tls-proxy", daemon=True)

    @property
    def authority(self) -> Path:
        """The certificate that clients verify the server's with."""
        return self._files.authority

    def __enter__(self) -> Self:
        """Listen on a free port."""
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Cut every connection and stop listening."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        remove_folder(self._folder)

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, LOOPBACK, 0)

    async def _end(self) -> None:
        self._server.close()
        connections = asyncio.all_tasks() - {asyncio.current_task()}
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            if await client.readexactly(len(_SSL_REQUEST)) == _SSL_REQUEST:
                to_client.write(b"S")
                await to_client.drain()
                await to_client.start_tls(self._context)
                await self._join(client, to_client)
        to_client.close()

    async def _join(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_connection(LOOPBACK, self._server_port)
        ways = [asyncio.create_task(_copy(client, to_server)), asyncio.create_task(_copy(server, to_client))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            to_server.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(_CHUNK_BYTES):
        target.write(data)
        await target.drain()
