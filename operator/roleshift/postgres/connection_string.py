"""From what a Secret says to libpq's keywords. Refuses what libpq would misread; opens nothing.

A password with a bare `/` or `@` in a URI becomes a host, a port or a database, and those are
shown to people: such a URI is refused, and nothing of it is repeated.
"""

import ssl
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from roleshift.api import SSLMode
from roleshift.engine.connection import ConnectionParameters
from roleshift.errors import ClusterError, Reason

CONNECT_SECONDS = 10
_SOCKET_SETTINGS = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
    "client_encoding": "UTF8",
}
_LIBPQ_MODES = {
    SSLMode.DISABLE: "disable",
    SSLMode.PREFER: "prefer",
    SSLMode.REQUIRE: "require",
    SSLMode.VERIFY_CA: "verify-ca",
    SSLMode.VERIFY_FULL: "verify-full",
}
_KNOWN_MODES = ("allow", *_LIBPQ_MODES.values())
_PORTS = range(1, 65_536)
_DEFAULT_PORT = 5432


def connection_options(parameters: ConnectionParameters, ca_file: str = "") -> dict[str, Any]:
    """libpq keywords of the parameters, with the TLS mode that applies.

    Raises:
        ClusterError: the Secret's content is no connection string; the text is not repeated.
    """
    given = given_options(parameters)
    mode = _ssl_mode(parameters, given)
    options = {**given, **_SOCKET_SETTINGS, "sslmode": mode}
    root = ca_file or given.get("sslrootcert") or _system_ca(mode)
    return {**options, "sslrootcert": root} if root else options


def addresses(options: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Every server that the options name, as host and port; one port may stand for all of them."""
    hosts = [host or "localhost" for host in _listed(options.get("hostaddr") or options.get("host"))]
    ports = [int(port or _DEFAULT_PORT) for port in _listed(options.get("port"))]
    return list(zip(hosts, ports if len(ports) == len(hosts) else ports * len(hosts), strict=False))


def given_options(parameters: ConnectionParameters) -> dict[str, Any]:
    """libpq keywords as the parameters have them, nothing added.

    Raises:
        ClusterError: as `connection_options`.
    """
    try:
        given = conninfo_to_dict(parameters.uri) if parameters.uri else dict(parameters.parts)
    except psycopg.Error:
        raise _invalid(f"what {parameters.source} says is no PostgreSQL URI") from None
    if _is_ambiguous(parameters.uri):
        raise _invalid(f"the URI in {parameters.source} has an @ or a / too many before the database's name")
    if not all(_is_port(port) for port in _listed(given.get("port"))):
        raise _invalid(f"the port in {parameters.source} is no number from 1 to 65535")
    return given


def _invalid(what: str) -> ClusterError:
    return ClusterError(
        Reason.SECRET_INVALID,
        f"{what}; write a URI as postgresql://user:password@host:5432/database and percent-encode special "
        "characters",
        retryable=True,
    )


def _is_ambiguous(uri: str) -> bool:
    address, _, database = uri.partition("?")[0].partition("://")[2].partition("/")
    return address.count("@") > 1 or "@" in database


def _listed(value: Any) -> list[str]:
    return str(value or "").split(",")


def _is_port(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit() and int(text) in _PORTS)


def _ssl_mode(parameters: ConnectionParameters, given: Mapping[str, Any]) -> str:
    demanded = parameters.ssl_mode
    mode = _LIBPQ_MODES[demanded] if demanded else str(given.get("sslmode") or "require")
    if mode not in _KNOWN_MODES:
        raise _invalid(f"sslmode in {parameters.source} is none of {', '.join(_KNOWN_MODES)}")
    return mode


def _system_ca(mode: str) -> str:
    """What the operator's system trusts, for a mode that verifies; libpq itself would ask a home folder."""
    return (ssl.get_default_verify_paths().cafile or "system") if mode.startswith("verify") else ""
