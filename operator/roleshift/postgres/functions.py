"""The validation and restore functions in the ledger's schema: what they are, and laying them down.

A database administrator validates and restores with them from psql alone. The operator itself does not
use them: `comparison` and `restore` do its own work. A change to one of them, however small, takes a new
version of the ledger, which lays all of them down anew.
"""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files

from psycopg import sql

from roleshift.postgres.session import Session
from roleshift.postgres.statements import identifier, literal, statement, trusted

FUNCTIONS_VERSION = 3

_SETTINGS = (
    ("search_path", "pg_catalog, pg_temp"),
    ("row_security", "off"),
    ("TimeZone", "UTC"),
    ("DateStyle", "ISO, YMD"),
    ("IntervalStyle", "iso_8601"),
    ("extra_float_digits", "1"),
    ("bytea_output", "hex"),
)
"""As in the operator's sessions, so that both see the same text of a value."""
_LISTED = frozenset({"search_path"})
"""Settings whose value is a list of names: as one quoted text it would be one name."""
_QUOTE = "$roleshift$"


@dataclass(frozen=True, slots=True)
class LedgerFunction:
    """One function of the schema roleshift; its body is `sql/functions/<name>.sql`.

    Attributes:
        arguments: as declared.
        types: of the arguments, as the catalog writes them.
        returns: as the catalog writes it.
    """

    name: str
    arguments: str
    types: str
    returns: str
    purpose: str

    @property
    def signature(self) -> str:
        """Name and argument types: what the registry calls it."""
        return f"{self.name}({self.types})"


FUNCTIONS = (
    LedgerFunction(
        "run_parts",
        "run_id uuid",
        "uuid",
        "jsonb",
        "what the other functions are made of: names and SQL fragments for one run",
    ),
    LedgerFunction(
        "validate_run",
        "run_id uuid",
        "uuid",
        "TABLE(name text, result text, message text)",
        "compares a migrated table with the image of its run; changes nothing",
    ),
    LedgerFunction(
        "restore_run",
        "run_id uuid",
        "uuid",
        "TABLE(restored bigint, born_restored bigint, conflicts bigint, deleted bigint)",
        "brings the old roles back from the image of a run; leaves what others changed since",
    ),
)


@cache
def body_of(function: LedgerFunction) -> str:
    """The function's source, as the server keeps it."""
    path = files("roleshift.postgres").joinpath("sql", "functions", f"{function.name}.sql")
    return f"\n{path.read_text(encoding='utf-8')}"


@cache
def checksum_of(function: LedgerFunction) -> str:
    """SHA-256 of what the server must hold of the function; `probes/ledger.sql` asks it for the same."""
    settings = (f"{name}={value}" for name, value in _SETTINGS)
    parts = (function.signature, function.returns, "plpgsql", "false", *settings, body_of(function))
    return sha256("\n".join(parts).encode()).hexdigest()


def create_statement(function: LedgerFunction) -> sql.Composed:
    """CREATE OR REPLACE FUNCTION."""
    settings = "\n".join(
        f"SET {name} = {value if name in _LISTED else literal(value).as_string()}"
        for name, value in _SETTINGS
    )
    return statement("function_create").format(
        name=identifier(function.name),
        arguments=sql.SQL(function.arguments),
        returns=sql.SQL(function.returns),
        settings=sql.SQL(settings),
        body=trusted(f"{_QUOTE}{body_of(function)}{_QUOTE}"),
    )


def register_statement(function: LedgerFunction) -> sql.Composed:
    """The function's entry in the registry."""
    return statement("function_register").format(
        name=literal(function.signature),
        version=sql.Literal(FUNCTIONS_VERSION),
        checksum=literal(checksum_of(function)),
        purpose=literal(function.purpose),
    )


async def lay_down(session: Session) -> None:
    """Create or replace every function and its entry, in the transaction that is open."""
    for function in FUNCTIONS:
        await session.execute(create_statement(function))
        await session.execute(register_statement(function))
