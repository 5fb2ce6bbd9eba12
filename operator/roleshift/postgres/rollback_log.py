"""The log of rollbacks in the ledger: what each came to, and the rows that somebody had changed."""

import json
from dataclasses import dataclass

from psycopg import sql

from roleshift.api import OnConflict
from roleshift.engine.kept_report import Conflict, Conflicts
from roleshift.engine.run import RunRecord
from roleshift.postgres.session import Session
from roleshift.postgres.statements import statement


@dataclass(frozen=True, slots=True)
class RollbackFigures:
    """What the last rollback of a run came to. Rows."""

    rows_restored: int
    conflicts: int
    remaining: int


async def log_result(
    session: Session, run: RunRecord, figures: RollbackFigures, on_conflict: OnConflict, message: str
) -> None:
    """Append what a rollback came to; what it logged of single rows stands before it."""
    await session.execute(
        statement("rollback_log"),
        {
            "run_id": run.run_id,
            "message": message,
            "requested_by": run.rollback_requested_by,
            "on_conflict": on_conflict,
            "rows_restored": figures.rows_restored,
            "conflicts": figures.conflicts,
            "remaining": figures.remaining,
        },
    )


async def last_result(session: Session, run: RunRecord) -> RollbackFigures:
    """The result line of the last rollback that committed."""
    row = await session.row(statement("rollback_result"), {"run_id": run.run_id})
    return RollbackFigures(**row)


async def conflict_examples(session: Session, run: RunRecord) -> tuple[str, ...]:
    """Keys of at most five rows that the last rollback found changed, as JSON."""
    rows = await session.rows(_of_last_rollback("rollback_examples"), {"run_id": run.run_id})
    return tuple(json.dumps(row["row_key"]) for row in rows)


async def conflicts_of(session: Session, run: RunRecord, most_bytes: int) -> Conflicts:
    """The rows that the last rollback found changed, in the order in which it found them.

    Args:
        most_bytes: of the rows as text; those that do not fit are only counted.
    """
    params = {"run_id": run.run_id, "bytes": most_bytes}
    rows = await session.rows(_of_last_rollback("rollback_conflicts"), params)
    shown = tuple(Conflict(row["kind"], row["row_key"], row["found"], row["message"]) for row in rows)
    return Conflicts(shown, rows[0]["number"] - len(rows) if rows else 0)


def _of_last_rollback(name: str) -> sql.Composed:
    return statement(name).format(of_last_rollback=statement("parts/of_last_rollback"))
