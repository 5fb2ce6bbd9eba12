"""Version, state and identity of the server."""

from roleshift.engine.facts.server import ServerFacts
from roleshift.postgres.probes.batch import Rows, sql_probe
from roleshift.postgres.session import Session
from roleshift.postgres.statements import in_this_database, statement


def _read(rows: Rows) -> ServerFacts:
    (row,) = rows
    return ServerFacts(**row)


SERVER = sql_probe("server", _read, database_identity=statement("database_identity"))


async def server_facts(session: Session) -> ServerFacts:
    """The same, asked by itself and outside a look."""
    return ServerFacts(**await session.row(in_this_database("probes/server")))
