"""Where a database is and how to reach it, as a value that never shows its secrets."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from roleshift.api import SSLMode
from roleshift.errors import ClusterError, Reason

URI_KEY = "uri"
_PARTS: dict[str, tuple[str, ...]] = {
    "host": ("host",),
    "port": ("port",),
    "dbname": ("dbname", "database"),
    "user": ("user", "username"),
    "password": ("password",),
}
_REQUIRED = ("host", "dbname", "user")


@dataclass(frozen=True, slots=True)
class ConnectionParameters:
    """What a session is opened with.

    Attributes:
        uri: a libpq URI or keyword string, or "" when `parts` say it.
        parts: libpq keywords and their values.
        ssl_mode: what the manifest demands; None leaves it to the URI, else Require.
        ca_certificate: PEM text, or "".
        source: where they come from, for messages.
    """

    uri: str = field(default="", repr=False)
    parts: Mapping[str, str] = field(default_factory=dict, repr=False)
    ssl_mode: SSLMode | None = None
    ca_certificate: str = field(default="", repr=False)
    source: str = "the Secret"


def parameters_from_secret(
    data: Mapping[str, bytes],
    *,
    secret: str,
    key: str | None,
    ssl_mode: SSLMode | None,
    ca_certificate: str = "",
) -> ConnectionParameters:
    """Connection parameters from a Secret's data.

    Reads the key that the manifest names, else host, port, dbname, user (or
    username) and password as CloudNativePG and the Service Binding
    specification write them, else the key `uri`.

    Raises:
        ClusterError: a key is missing, empty or no UTF-8; retryable, because the Secret can change.
    """
    if key is not None:
        return ConnectionParameters(
            uri=_text(data, key, secret), ssl_mode=ssl_mode, ca_certificate=ca_certificate
        )
    parts = _parts(data, secret)
    missing = [name for name in _REQUIRED if name not in parts]
    if not missing:
        return ConnectionParameters(parts=parts, ssl_mode=ssl_mode, ca_certificate=ca_certificate)
    if URI_KEY in data:
        return ConnectionParameters(
            uri=_text(data, URI_KEY, secret), ssl_mode=ssl_mode, ca_certificate=ca_certificate
        )
    raise ClusterError(
        Reason.SECRET_INVALID,
        f'Secret "{secret}" has neither the key {URI_KEY} nor all of host, dbname and user '
        f"(missing: {', '.join(missing)}); add them, or name the key that holds a URI in "
        "spec.connection.secretRef.key",
        retryable=True,
    )


def _parts(data: Mapping[str, bytes], secret: str) -> dict[str, str]:
    parts = {}
    for keyword, names in _PARTS.items():
        name = next((name for name in names if name in data), None)
        if name is not None:
            parts[keyword] = _text(data, name, secret)
    return parts


def _text(data: Mapping[str, bytes], key: str, secret: str) -> str:
    try:
        text = data[key].decode().strip()
    except KeyError:
        keys = ", ".join(sorted(data)) or "none"
        raise _invalid(f'Secret "{secret}" has no key "{key}" (its keys: {keys}); add it') from None
    except UnicodeDecodeError:
        raise _invalid(f'Key "{key}" of Secret "{secret}" is not UTF-8 text; write it again') from None
    if not text:
        raise _invalid(f'Key "{key}" of Secret "{secret}" is empty; fill it')
    return text


def _invalid(message: str) -> ClusterError:
    return ClusterError(Reason.SECRET_INVALID, message, retryable=True)
