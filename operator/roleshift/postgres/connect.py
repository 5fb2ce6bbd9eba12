"""Opening a session: TLS, and what a refusal means. What a Secret says of it is `connection_string`'s.

libpq tells why a connection failed only in words. Where that happens, a second
attempt by pg8000 (pure Python) brings the server's SQLSTATE, so that nothing is
decided by text.
"""

import asyncio
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from roleshift.engine.connection import ConnectionParameters
from roleshift.engine.naming import MAX_IDENTIFIER_BYTES, cut_to_bytes
from roleshift.errors import DatabaseError, Reason
from roleshift.postgres.connection_string import CONNECT_SECONDS, addresses, connection_options
from roleshift.postgres.errors import meaning_of, translated
from roleshift.postgres.session import Backend, Session

_TLS_DEMANDED = frozenset({"require", "verify-ca", "verify-full"})
_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


@dataclass(frozen=True, slots=True)
class Purpose:
    """For whom a session is opened: shown in pg_stat_activity and readable by audit triggers.

    Attributes:
        search_schema: the target's schema; triggers and users' queries find their tables there.
    """

    namespace: str
    name: str
    run_id: str
    search_schema: str

    @property
    def application_name(self) -> str:
        """`roleshift/<namespace>/<name>`, cut to what PostgreSQL keeps."""
        return cut_to_bytes(f"roleshift/{self.namespace}/{self.name}", MAX_IDENTIFIER_BYTES)


@asynccontextmanager
async def session(parameters: ConnectionParameters, purpose: Purpose) -> AsyncIterator[Session]:
    """An open session that is closed at the end of the block.

    Raises:
        ClusterError: the Secret's content is no connection string.
        DatabaseError: the server can't be reached, refuses TLS or the credentials; retryable.
    """
    opened = await open_session(parameters, purpose)
    try:
        yield opened
    finally:
        await opened.close()


async def open_session(parameters: ConnectionParameters, purpose: Purpose) -> Session:
    """Open a session; the caller closes it. Raises as `session` does."""
    with _CAFile(parameters.ca_certificate) as ca:
        options = connection_options(parameters, ca)
        try:
            connection = await AsyncConnection.connect(
                make_conninfo("", **options, application_name=purpose.application_name),
                autocommit=True,
                row_factory=dict_row,
            )
        except (psycopg.Error, UnicodeError) as error:  # the latter from a host that is no name
            raise await asyncio.to_thread(_why_refused, options, parameters.ca_certificate) from error
    with translated():
        cursor = await connection.execute(_SESSION_SETTINGS, _session_settings(purpose))
        row = await cursor.fetchone()
    assert row is not None
    return Session(connection, Backend(row["pid"], row["started_at"]))


_SESSION_SETTINGS = sql.SQL(
    "SELECT set_config('search_path', %(search_path)s, false),"
    " set_config('row_security', 'off', false),"
    " set_config('TimeZone', 'UTC', false),"
    " set_config('DateStyle', 'ISO, YMD', false),"
    " set_config('IntervalStyle', 'iso_8601', false),"
    " set_config('extra_float_digits', '1', false),"
    " set_config('bytea_output', 'hex', false),"
    " set_config('statement_timeout', '30s', false),"
    " set_config('roleshift.run_id', %(run_id)s, false),"
    " pid, backend_start::text AS started_at"
    " FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()"
)


def _session_settings(purpose: Purpose) -> dict[str, str]:
    schemas = dict.fromkeys((purpose.search_schema, "public", "pg_temp"))
    quoted = ", ".join(sql.Identifier(name).as_string() for name in schemas)
    return {"search_path": quoted, "run_id": purpose.run_id}


class _CAFile:
    """libpq reads a CA only from a file: one that nobody else can read, gone after the connect."""

    def __init__(self, certificate: str) -> None:
        self._certificate = certificate
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> str:
        if not self._certificate:
            return ""
        self._folder = tempfile.TemporaryDirectory(prefix="roleshift-ca-")
        path = Path(self._folder.name) / "ca.crt"
        path.write_text(self._certificate)
        return str(path)

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()


def _why_refused(options: Mapping[str, Any], ca_certificate: str) -> DatabaseError:
    """The reason for a failed connect: of several servers, the first that can be reached tells it."""
    why = [_why_server_refused(options, ca_certificate, *address) for address in addresses(options)]
    return next((one for one in why if one.reason is not Reason.SERVER_UNREACHABLE), why[0])


def _why_server_refused(
    options: Mapping[str, Any], ca_certificate: str, host: str, port: int
) -> DatabaseError:
    """The reason from the network, the TLS handshake or the server's SQLSTATE."""
    if host.startswith("/"):
        return _ask_for_sqlstate(options, None, unix_sock=f"{host}/.s.PGSQL.{port}")
    try:
        offers_tls = _offers_tls(host, port)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        return _refusal(
            Reason.SERVER_UNREACHABLE,
            f"no connection to {host}:{port} ({why}); check host and port "
            "in the Secret or the URI, the network policy, and that the server runs",
        )
    mode = options["sslmode"]
    if mode in _TLS_DEMANDED and not offers_tls:
        return _refusal(
            Reason.TLS_REFUSED,
            f"{host}:{port} does not speak TLS and sslMode demands it; enable ssl on the server, or set "
            "spec.connection.sslMode: Prefer (or Disable)",
        )
    try:
        context = _tls_context(mode, ca_certificate) if offers_tls and mode != "disable" else None
    except ssl.SSLError:
        return _refusal(
            Reason.SECRET_INVALID,
            "what spec.connection.caRef names is no certificate; it has to be in PEM: correct it",
        )
    return _ask_for_sqlstate(options, context, host=host, port=port)


def _offers_tls(host: str, port: int) -> bool:
    with socket.create_connection((host, port), timeout=CONNECT_SECONDS) as probe:
        probe.sendall(_SSL_REQUEST)
        return probe.recv(1) == b"S"


def _tls_context(mode: str, ca_certificate: str) -> ssl.SSLContext:
    certificate = ca_certificate.encode("ascii", "replace").decode()
    context = ssl.create_default_context(cadata=certificate or None)
    context.check_hostname = mode == "verify-full"
    context.verify_mode = ssl.CERT_REQUIRED if mode.startswith("verify") else ssl.CERT_NONE
    return context


def _ask_for_sqlstate(
    options: Mapping[str, Any], context: ssl.SSLContext | None, **address: Any
) -> DatabaseError:
    import pg8000.native

    try:
        pg8000.native.Connection(
            user=str(options.get("user") or ""),
            password=options.get("password"),
            database=options.get("dbname"),
            ssl_context=context if context is not None else False,
            timeout=CONNECT_SECONDS,
            **address,
        ).close()
    except pg8000.native.DatabaseError as error:
        return _by_sqlstate(str(error.args[0].get("C", "")), str(error.args[0].get("M", "")))
    except ssl.SSLError:
        return _refusal(
            Reason.TLS_NOT_VERIFIED,
            "the server's certificate is not trusted; give its CA in spec.connection.caRef, or use the name "
            "that the certificate carries as host",
        )
    except (pg8000.native.InterfaceError, OSError):
        pass
    return _refusal(Reason.CONNECTION_LOST, "the server closed the connection; the run tries again by itself")


def _by_sqlstate(sqlstate: str, primary: str) -> DatabaseError:
    meaning = meaning_of(sqlstate)
    return DatabaseError(
        meaning.reason,
        f"{primary} (SQLSTATE {sqlstate}): {meaning.advice}",
        retryable=True,
        sqlstate=sqlstate,
    )


def _refusal(reason: Reason, message: str) -> DatabaseError:
    return DatabaseError(reason, message, retryable=True)
