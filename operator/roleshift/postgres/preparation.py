"""Preparing every statement of a run as the run's role, without running one: what a dry run does.

EXPLAIN has the server parse, check and plan a statement. What a plan will add is added for the time of
the trial: an enum value to its type, a column to an empty stand-in for the table, so that nobody waits for a
lock on the table itself. All of it is rolled back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from psycopg import sql

from roleshift.api import Assertion
from roleshift.engine.plan import AddColumn, AddEnumValue, Plan
from roleshift.engine.routes import Route
from roleshift.engine.target import TargetShape
from roleshift.errors import DatabaseError, Reason
from roleshift.postgres import assertions, image, ledger_schema
from roleshift.postgres.moving import Moving
from roleshift.postgres.permissions import (
    PLANNED_WITH,
    PROBE_IMAGE,
    PROBE_TIMEOUTS,
    finish_stand_ins,
    statements_of,
)
from roleshift.postgres.schema_changes import as_text, schema_statement
from roleshift.postgres.session import Query, Session
from roleshift.postgres.statements import LEDGER_SCHEMA, target_name

_STAND_IN = "dry_run_stand_in"
_NO_PLAN = "LOCK TABLE has none, the right to it was looked up"
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Refusal:
    """A statement that the server would not prepare, as text, and what it said."""

    statement: str
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Preparation:
    """What came of it.

    Attributes:
        prepared: statements that the server has a plan for, or that were run and undone.
        unprepared: statements that can't be prepared before the run, each with why; no failures.
        refused: statements that a run would fail with.
    """

    prepared: int
    unprepared: tuple[str, ...]
    refused: tuple[Refusal, ...]


async def prepare(
    session: Session, plan: Plan, routes: tuple[Route, ...], asserted: Sequence[Assertion]
) -> Preparation:
    """Prepare what the plan, its verification, its rollback and the assertions run.

    Raises:
        DatabaseError: the connection is gone, or something that may pass, as a lock on a catalog.
    """
    async with session.rolled_back(PROBE_TIMEOUTS):
        trial = _Trial(session)
        await trial.statements_of(plan, routes)
        for assertion in asserted:
            await trial.assertion(assertion, plan)
        return Preparation(trial.prepared, (_NO_PLAN, *trial.unprepared), tuple(trial.refused))


class _Trial:
    """Counts what was prepared, inside a transaction that is rolled back."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.prepared = 0
        self.unprepared: list[str] = []
        self.refused: list[Refusal] = []

    async def statements_of(self, plan: Plan, routes: tuple[Route, ...]) -> None:
        """The plan's own, in its order; what needs one that was refused is not tried."""
        shape = await self._with_schema_changes(plan)
        if shape is None:
            return
        moving = Moving(shape, routes)
        create = image.create_statement(moving, PROBE_IMAGE)
        if not await self._run(sql.SQL("{} WITH NO DATA").format(create), shown=create):
            return
        await finish_stand_ins(self._session, moving)
        version = await ledger_schema.installed_version(self._session)
        for query in statements_of(moving, version):
            await self._run(sql.SQL("EXPLAIN {}").format(query), shown=query)

    async def assertion(self, assertion: Assertion, plan: Plan) -> None:
        """A user's own query, as far as its tables have its columns already."""
        error = await assertions.refusal(self._session, assertion)
        adds_columns = any(isinstance(change, AddColumn) for change in plan.schema_changes)
        if error is None:
            self.prepared += 1
        elif error.reason is Reason.COLUMN_NOT_FOUND and adds_columns:
            self.unprepared.append(f"assertion {assertion.name} names a column that the plan adds")
        else:
            self.refused.append(Refusal(f"assertion {assertion.name}", error.reason, error.message))

    async def _with_schema_changes(self, plan: Plan) -> TargetShape | None:
        """The table to prepare for: a stand-in where columns are added; None where that was refused."""
        shape = plan.shape
        if any(isinstance(change, AddColumn) for change in plan.schema_changes):
            shape = replace(shape, schema=LEDGER_SCHEMA, table=_STAND_IN)
            like = sql.SQL("CREATE TABLE {} (LIKE {})").format(target_name(shape), target_name(plan.shape))
            await self._session.execute(like)
        done = True
        for change in plan.schema_changes:
            table = plan.shape if isinstance(change, AddEnumValue) else shape
            shown = schema_statement(change, plan.shape)
            done = await self._run(schema_statement(change, table), shown=shown) and done
        return shape if done else None

    async def _run(self, query: Query, *, shown: sql.Composed) -> bool:
        try:
            async with self._session.savepoint():
                await self._session.execute(query, PLANNED_WITH)
        except DatabaseError as error:
            if error.retryable or not self._session.is_usable:
                raise
            self.refused.append(Refusal(_short(shown), error.reason, error.message))
            return False
        self.prepared += 1
        return True


def _short(statement: sql.Composed) -> str:
    text = as_text(statement)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
