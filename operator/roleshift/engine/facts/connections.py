"""Connections in use on the server, and whether a pooler stands in between."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quota:
    """Connections in use against a limit of the role or of the database.

    Attributes:
        limit: None where there is none, or where it does not bind the run's role.
    """

    used: int
    limit: int | None

    @property
    def left(self) -> int | None:
        """How many more are allowed; None without a limit."""
        return None if self.limit is None else max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """Client connections of the server.

    Attributes:
        used: of all roles and databases, this run's own included.
        maximum: max_connections.
        reserved: of these, kept back from the run's role.
        own: connections of this run that are open already.
        role, database: limits of the run's role (rolconnlimit) and of its database (datconnlimit).
        pooler: how it was seen that statements land on changing server processes; "" where they don't.
    """

    used: int
    maximum: int
    reserved: int
    own: int
    role: Quota
    database: Quota
    pooler: str = ""

    @property
    def left(self) -> int:
        """How many more connections the server gives to the run's role."""
        return max(0, self.maximum - self.reserved - self.used)
