"""The server and the session that looks at it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The server and the session.

    Attributes:
        version: `server_version_num`, for instance 180004.
        database_identity: system identifier and database OID; tells copies apart.
    """

    version: int
    version_text: str
    in_recovery: bool
    read_only: bool
    database: str
    user: str
    superuser: bool
    database_identity: str
