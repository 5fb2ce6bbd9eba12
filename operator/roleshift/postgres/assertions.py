"""Users' own queries: one read-only statement, one row, one column, never with a superuser's rights.

The extended protocol takes one statement only, the query is wrapped in a
SELECT so that nothing else can be one, and the subtransaction that it runs in
is read-only.
"""

from psycopg import sql

from roleshift.api import Assertion
from roleshift.engine.verification import Verification, VerificationResult, failed, judge_assertion
from roleshift.errors import DatabaseError
from roleshift.postgres.session import Session

MAX_ANSWER_CHARACTERS = 64
_READ_ONLY = sql.SQL("SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = '30s'")
_AS_READER = sql.SQL("SET LOCAL ROLE pg_read_all_data")
_IS_SUPERUSER = sql.SQL("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user")


async def run_assertion(session: Session, assertion: Assertion) -> VerificationResult:
    """Run one assertion in a subtransaction of the transaction that is open.

    A query that fails is a failed assertion, not a failed run.

    Raises:
        DatabaseError: only when the connection itself is gone.
    """
    try:
        async with session.savepoint():
            await session.execute(_READ_ONLY)
            if (await session.row(_IS_SUPERUSER))["rolsuper"]:
                await session.execute(_AS_READER)
            rows = await session.run_user_query(_wrapped(assertion.query))
    except DatabaseError as error:
        if not session.is_usable:
            raise
        return failed(f"{Verification.ASSERTION}/{assertion.name}", f"the query failed: {error.message}")
    return _judge(assertion, rows)


def _judge(assertion: Assertion, rows: list[list[str | None]]) -> VerificationResult:
    if len(rows) != 1 or len(rows[0]) != 1:
        shape = "no row" if not rows else f"{len(rows)} or more rows of {len(rows[0])} columns"
        return failed(
            f"{Verification.ASSERTION}/{assertion.name}",
            f"the query must return one row with one column, it returned {shape}",
        )
    return judge_assertion(assertion.name, assertion.expected, (rows[0][0] or "")[:MAX_ANSWER_CHARACTERS])


def _wrapped(query: str) -> str:
    body = query.strip().rstrip(";")
    return f"SELECT * FROM (\n{body}\n) AS assertion LIMIT 2"  # noqa: S608 - the user's own query
