"""Schema statements of a plan: missing enum values and columns. Each runs in a transaction of its own."""

import re

from psycopg import sql

from roleshift.api import Phase
from roleshift.engine.plan import AddEnumValue, SchemaChange
from roleshift.engine.run import LogOutcome, RunRecord
from roleshift.engine.target import TargetShape
from roleshift.postgres import fence, ledger
from roleshift.postgres.session import Session, Timeouts
from roleshift.postgres.statements import identifier, literal, statement, target_name, trusted

_PLACEHOLDER = re.compile(r"(?<!%)%\((\w+)\)s")
_SPACES_OUTSIDE_QUOTES = re.compile(r"""("(?:[^"]|"")*"|'(?:[^']|'')*')|\s+""")

SCHEMA_TIMEOUTS = Timeouts(lock_seconds=1.0, statement_seconds=30.0)
"""ACCESS EXCLUSIVE on a busy table must give up soon, or everybody queues behind it."""


def schema_statement(change: SchemaChange, shape: TargetShape) -> sql.Composed:
    """The statement of one change; it can be run again without harm."""
    if isinstance(change, AddEnumValue):
        return sql.SQL("ALTER TYPE {} ADD VALUE IF NOT EXISTS {}").format(
            trusted(change.enum_type), literal(change.label)
        )
    return sql.SQL("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} {}").format(
        target_name(shape), identifier(change.column), trusted(change.type_name)
    )


def as_text(composed: sql.Composable) -> str:
    """A statement as people read it: one line, `:name` for a value, percent signs as they are."""
    text = _PLACEHOLDER.sub(r":\1", composed.as_string()).replace("%%", "%")
    return _SPACES_OUTSIDE_QUOTES.sub(lambda found: found[1] or " ", text).strip()


async def apply_schema_change(
    session: Session, run: RunRecord, change: SchemaChange, shape: TargetShape
) -> None:
    """Run one schema statement behind the fence, and note in the same transaction that this run did.

    What this run has done before and what is still there is not done again: even a statement that finds
    nothing to do needs ACCESS EXCLUSIVE.

    Raises:
        DatabaseError: LockTimeout (retryable) when the table is busy; PermissionDenied.
        FencedError: the run was taken over.
    """
    if change in run.carried_out and await _is_there(session, change, shape):
        return
    async with session.transaction(SCHEMA_TIMEOUTS):
        await fence.check_epoch(session, run)
        composed = schema_statement(change, shape)
        await session.execute(composed)
        await ledger.append(session, run, _line(change, as_text(composed)))


async def _is_there(session: Session, change: SchemaChange, shape: TargetShape) -> bool:
    params: dict[str, object] = {"oid": shape.oid, "column": None, "enum": None, "label": None}
    if isinstance(change, AddEnumValue):
        params |= {"enum": change.enum_type, "label": change.label}
    else:
        params |= {"column": change.column}
    return bool((await session.row(statement("schema_change_there"), params))["there"])


def _line(change: SchemaChange, text: str) -> ledger.LogLine:
    return ledger.LogLine(
        Phase.BACKING_UP,
        LogOutcome.ALTERED,
        kind="ALTER TYPE" if isinstance(change, AddEnumValue) else "ALTER TABLE",
        message=text,
        schema_change=change,
    )
