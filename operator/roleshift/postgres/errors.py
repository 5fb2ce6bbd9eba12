"""From PostgreSQL's errors to Roleshift's: by SQLSTATE, never by text.

Only the primary message is passed on: the detail may hold rows.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from roleshift.errors import DatabaseError, Reason

QUERY_CANCELED = "57014"
READ_ONLY_TRANSACTION = "25006"
UNIQUE_VIOLATION = "23505"


@dataclass(frozen=True, slots=True)
class _Meaning:
    reason: Reason
    retryable: bool
    advice: str


_LOST = _Meaning(Reason.CONNECTION_LOST, True, "the run goes on when the server answers again")
_CONFLICT = _Meaning(Reason.SERIALIZATION_FAILURE, True, "the transaction is tried again")
_CONSTRAINT = _Meaning(
    Reason.CONSTRAINT_VIOLATED, False, "change spec.mappings or the constraint, then retry the run"
)
_CREDENTIALS = _Meaning(
    Reason.AUTHENTICATION_FAILED, True, "correct user and password in the Secret or the URI, or pg_hba.conf"
)
_RESOURCES = _Meaning(Reason.DISK_FULL, True, "free the resource; the run tries again by itself")

_MEANINGS: dict[str, _Meaning] = {
    "08": _LOST,
    "23": _CONSTRAINT,
    "25006": _Meaning(Reason.READ_ONLY, True, "connect to the primary; a standby can't be written"),
    "25P03": _LOST,
    "28": _CREDENTIALS,
    "3D000": _Meaning(
        Reason.DATABASE_NOT_FOUND, True, "correct the database's name in the Secret or the URI, or create it"
    ),
    "40001": _CONFLICT,
    "40P01": _CONFLICT,
    "42501": _Meaning(Reason.PERMISSION_DENIED, False, "grant it to the run's role, then retry the run"),
    "42P01": _Meaning(Reason.TABLE_NOT_FOUND, False, "correct the name, or create it, then retry the run"),
    "42703": _Meaning(Reason.COLUMN_NOT_FOUND, False, "correct the name, then retry the run"),
    "53": _RESOURCES,
    "53300": _Meaning(Reason.TOO_MANY_CONNECTIONS, True, "free connections or raise max_connections"),
    "55P03": _Meaning(
        Reason.LOCK_TIMEOUT, True, "another session holds a lock on the table; the run tries again by itself"
    ),
    "57P01": _LOST,
    "57P02": _LOST,
    "57P03": _Meaning(Reason.SERVER_STARTING, True, "the run goes on when the server has started"),
    "57P05": _LOST,
}
_OTHER = _Meaning(Reason.DATABASE_ERROR, False, "see the server's log, then retry the run")
_TIMEOUT = _Meaning(
    Reason.STATEMENT_TIMEOUT, False, "raise spec.strategy.statementTimeoutSeconds in a new RoleMigration"
)
_CANCELLED = _Meaning(
    Reason.CANCELLED, False, "somebody cancelled the statement; retry the run when it is safe"
)


def classify(
    error: psycopg.Error, elapsed_seconds: float = 0.0, timeout_seconds: float = 0.0
) -> DatabaseError:
    """The error in Roleshift's words.

    Args:
        elapsed_seconds: how long the statement ran.
        timeout_seconds: the statement timeout that was set; 0 for none. It tells a
            timeout from a cancellation, which share one SQLSTATE.
    """
    sqlstate = error.sqlstate or ""
    meaning = meaning_of(sqlstate, elapsed_seconds, timeout_seconds)
    if not sqlstate and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        meaning = _LOST
    what = error.diag.message_primary or _without_the_server(error, meaning)
    code = f" (SQLSTATE {sqlstate})" if sqlstate else ""
    return DatabaseError(
        meaning.reason, f"{what}{code}: {meaning.advice}", retryable=meaning.retryable, sqlstate=sqlstate
    )


def _without_the_server(error: psycopg.Error, meaning: _Meaning) -> str:
    """What the client alone has to say: the server said nothing."""
    return "the connection to the server was lost" if meaning is _LOST else f"{type(error).__name__}: {error}"


def meaning_of(sqlstate: str, elapsed_seconds: float = 0.0, timeout_seconds: float = 0.0) -> _Meaning:
    """Reason, retryability and advice of an SQLSTATE: the code itself, else its class."""
    if sqlstate == QUERY_CANCELED:
        return _TIMEOUT if 0 < timeout_seconds <= elapsed_seconds else _CANCELLED
    return _MEANINGS.get(sqlstate) or _MEANINGS.get(sqlstate[:2]) or _OTHER


def read_only(error: psycopg.Error) -> DatabaseError:
    """The error of a server that takes no writes, whatever code it says that with."""
    meaning = meaning_of(READ_ONLY_TRANSACTION)
    what = f"{error.diag.message_primary} (SQLSTATE {error.sqlstate})"
    return DatabaseError(
        meaning.reason,
        f"{what}: {meaning.advice}",
        retryable=meaning.retryable,
        sqlstate=READ_ONLY_TRANSACTION,
    )


@contextmanager
def translated(timeout_seconds: float = 0.0) -> Iterator[None]:
    """Turn psycopg's errors into Roleshift's while the block runs."""
    started = time.monotonic()
    try:
        yield
    except psycopg.Error as error:
        raise classify(error, time.monotonic() - started, timeout_seconds) from error
