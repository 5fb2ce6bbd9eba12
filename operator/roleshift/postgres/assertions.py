"""Users' own queries: one read-only statement, one row, one column, never with a superuser's rights.

The extended protocol takes one statement only, the query is wrapped in a
SELECT so that nothing else can be one, and the subtransaction that it runs in
is read-only. What it returns is cut by the server, so that no answer is too large.
"""

from psycopg import sql

from roleshift.api import Assertion
from roleshift.engine.verification import (
    MAX_ANSWER_CHARACTERS,
    Verification,
    VerificationResult,
    failed,
    judge_assertion,
)
from roleshift.errors import DatabaseError, Reason
from roleshift.postgres.session import Session

MAX_SECONDS = 30.0
_WITHOUT_ROWS = "SELECT * FROM (\n{query}\n) AS assertion LIMIT 0"
_FIRST_ROWS = "SELECT left(answer::text, {cut}) AS answer FROM (\n{query}\n) AS assertion (answer) LIMIT 2"
"""Cut by the server: one character more than what can be expected tells a longer answer apart."""
_AS_READER = sql.SQL("SET LOCAL ROLE pg_read_all_data")
_IS_SUPERUSER = sql.SQL("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user")

_TELLS_NOTHING = frozenset({Reason.CANCELLED, Reason.LOCK_TIMEOUT, Reason.SERIALIZATION_FAILURE})
"""Errors that say nothing about the data, so that nothing may be concluded from them."""


async def run_assertion(session: Session, assertion: Assertion) -> VerificationResult:
    """Run one assertion in a part of the open transaction of which nothing stays.

    A query that fails, or takes too long, is a failed assertion, not a failed run.

    Raises:
        DatabaseError: the connection is gone, somebody cancelled the query, or it was in others' way.
    """
    seconds = min(MAX_SECONDS, session.timeouts.statement_seconds)
    try:
        async with session.trial():
            if (await session.row(_IS_SUPERUSER))["rolsuper"]:
                await session.execute(_AS_READER)
            return await _asked(session, assertion, seconds)
    except DatabaseError as error:
        if not session.is_usable or error.reason in _TELLS_NOTHING:
            raise
        late = f"the query took longer than {seconds:g} s"
        why = late if error.reason is Reason.STATEMENT_TIMEOUT else f"the query failed: {error.message}"
        return _failed(assertion, why)


async def why_denied(session: Session, assertion: Assertion) -> str:
    """What the server says where the role may not run an assertion; "" otherwise.

    A superuser's assertions run with lesser rights than the role's own, so no grant to it would help.
    """
    if (await session.row(_IS_SUPERUSER))["rolsuper"]:
        return ""
    error = await refusal(session, assertion)
    return error.message if error is not None and error.reason is Reason.PERMISSION_DENIED else ""


async def refusal(session: Session, assertion: Assertion) -> DatabaseError | None:
    """What the server says where it has no plan for an assertion, None where it has; nothing is run.

    Raises:
        DatabaseError: only when the connection itself is gone.
    """
    seconds = min(MAX_SECONDS, session.timeouts.statement_seconds)
    try:
        async with session.trial():
            if (await session.row(_IS_SUPERUSER))["rolsuper"]:
                await session.execute(_AS_READER)
            await session.run_user_query(f"EXPLAIN {_WITHOUT_ROWS.format(query=_body(assertion))}", seconds)
    except DatabaseError as error:
        if not session.is_usable:
            raise
        return error
    return None


async def _asked(session: Session, assertion: Assertion, seconds: float) -> VerificationResult:
    shape = await session.run_user_query(_WITHOUT_ROWS.format(query=_body(assertion)), seconds)
    if shape.columns != 1:
        return _failed(assertion, f"the query must return one column, it returned {shape.columns}")
    query = _FIRST_ROWS.format(cut=MAX_ANSWER_CHARACTERS + 1, query=_body(assertion))
    answer = await session.run_user_query(query, seconds)
    if len(answer.rows) != 1:
        found = "no row" if not answer.rows else f"{len(answer.rows)} or more"
        return _failed(assertion, f"the query must return one row, it returned {found}")
    return judge_assertion(assertion.name, assertion.expected, answer.rows[0]["answer"])


def _failed(assertion: Assertion, why: str) -> VerificationResult:
    return failed(f"{Verification.ASSERTION}/{assertion.name}", why)


def _body(assertion: Assertion) -> str:
    return assertion.query.strip().rstrip(";")
