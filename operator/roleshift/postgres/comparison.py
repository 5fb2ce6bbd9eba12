"""Measuring what a write left: the table against its image, roles, references. The engine judges."""

from collections.abc import Iterable, Sequence

from psycopg import sql

from roleshift.api import Assignment
from roleshift.engine.run import WriteRecord
from roleshift.engine.target import TargetShape
from roleshift.engine.verification import BrokenReference, RowComparison
from roleshift.postgres import values
from roleshift.postgres.references import broken_rows
from roleshift.postgres.session import Session
from roleshift.postgres.statements import identifier, image_table, key_join_after, of, statement, target_name
from roleshift.postgres.turns import is_written

XID_BITS = 0xFFFFFFFF
"""xmin shows the lower 32 bits of a transaction's number."""


async def compare(session: Session, shape: TargetShape, image: str, write: WriteRecord) -> RowComparison:
    """Compare every row of the image with the table."""
    row = await session.row(
        compare_statement(shape, image), {"xid": write.xid & XID_BITS, "written_at": write.written_at}
    )
    return RowComparison(**row)


def compare_statement(shape: TargetShape, image: str) -> sql.Composed:
    """The table against the image."""
    return statement("compare").format(
        first_key=of("t", shape.key[0]),
        role_fits=values.holds_written(shape, shape.role),
        previous_role_fits=values.holds_written(shape, shape.previous_role),
        seniority_fits=values.holds_written(shape, shape.seniority),
        migrated_at_fits=values.holds_written(shape, shape.migrated_at),
        image=image_table(image),
        target=target_name(shape),
        join=key_join_after(shape),
        written=is_written(shape),
    )


async def broken_foreign_keys(session: Session, shape: TargetShape) -> list[BrokenReference]:
    """For each foreign key on a written column: rows that refer to nothing."""
    written = [column.name for column in shape.written]
    keys = await session.rows(statement("foreign_keys"), {"oid": shape.oid, "written": written})
    return [
        BrokenReference(
            key["name"],
            await _broken_rows(
                session,
                target_name(shape),
                identifier(key["referenced_schema"], key["referenced_table"]),
                key["columns"],
            ),
        )
        for key in keys
    ]


async def orphans(
    session: Session, shape: TargetShape, assignments: Iterable[Assignment]
) -> list[BrokenReference]:
    """For each assignment table: rows whose user the target does not have."""
    found = []
    for assignment in assignments:
        user = shape.user_column or shape.key[0].name
        rows = await _broken_rows(
            session,
            identifier(assignment.schema_name, assignment.table),
            target_name(shape),
            [(assignment.user_column, user)],
        )
        found.append(BrokenReference(f"{assignment.schema_name}.{assignment.table}", rows))
    return found


async def _broken_rows(
    session: Session,
    referring: sql.Composable,
    referenced: sql.Composable,
    columns: Sequence[Sequence[str]],
) -> int:
    row = await session.row(broken_rows(referring, referenced, columns))
    return int(row["rows"])
