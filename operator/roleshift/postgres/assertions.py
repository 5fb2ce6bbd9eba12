"""Users' own queries: one read-only statement, one row, one column, never with a superuser's rights.

The extended protocol takes one statement only, the query is wrapped in a
SELECT so that nothing else can be one, and the subtransaction that it runs in
is read-only.
"""

from psycopg import sql

from roleshift.api import Assertion
from roleshift.engine.verification import Verification, VerificationResult, failed, judge_assertion
from roleshift.errors import DatabaseError, Reason
from roleshift.postgres.session import Session

MAX_SECONDS = 30.0
_AS_READER = sql.SQL("SET LOCAL ROLE pg_read_all_data")
_IS_SUPERUSER = sql.SQL("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user")


async def run_assertion(session: Session, assertion: Assertion) -> VerificationResult:
    """Run one assertion in a part of the open transaction of which nothing stays.

    A query that fails, or takes too long, is a failed assertion, not a failed run.

    Raises:
        DatabaseError: only when the connection itself is gone.
    """
    seconds = min(MAX_SECONDS, session.timeouts.statement_seconds)
    try:
        async with session.trial():
            if (await session.row(_IS_SUPERUSER))["rolsuper"]:
                await session.execute(_AS_READER)
            rows = await session.run_user_query(_wrapped(assertion.query), seconds)
    except DatabaseError as error:
        if not session.is_usable:
            raise
        late = f"the query took longer than {seconds:g} s"
        why = late if error.reason is Reason.STATEMENT_TIMEOUT else f"the query failed: {error.message}"
        return failed(f"{Verification.ASSERTION}/{assertion.name}", why)
    return _judge(assertion, rows)


def _judge(assertion: Assertion, rows: list[list[str | None]]) -> VerificationResult:
    if len(rows) != 1 or len(rows[0]) != 1:
        shape = "no row" if not rows else f"{len(rows)} or more rows of {len(rows[0])} columns"
        return failed(
            f"{Verification.ASSERTION}/{assertion.name}",
            f"the query must return one row with one column, it returned {shape}",
        )
    return judge_assertion(assertion.name, assertion.expected, rows[0][0])


def _wrapped(query: str) -> str:
    body = query.strip().rstrip(";")
    return f"SELECT * FROM (\n{body}\n) AS assertion LIMIT 2"  # noqa: S608 - the user's own query
