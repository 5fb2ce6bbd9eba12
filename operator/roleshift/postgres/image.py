"""The before-image: a table in the ledger schema with the rows that will change, as they were.

Columns: key_1 … key_n, role, previous_role, seniority, migrated_at (where the
target has them) and row_version.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql
from psycopg.types.json import Jsonb

from roleshift.engine.plan import Plan
from roleshift.engine.run import RunRecord
from roleshift.engine.target import Column, TargetShape
from roleshift.errors import DatabaseError, Reason
from roleshift.postgres.session import Session
from roleshift.postgres.statements import (
    comma,
    identifier,
    image_key,
    image_table,
    key_join,
    literal,
    of,
    statement,
    target_name,
)


@dataclass(frozen=True, slots=True)
class Figures:
    """What an image comes to: rows, checksum as decimal text, bytes on disk."""

    rows: int
    checksum: str
    bytes: int


def image_columns(shape: TargetShape) -> list[tuple[str, Column]]:
    """The image's columns with the target's columns that they are taken from; keys first."""
    keys = [(image_key(position), column) for position, column in enumerate(shape.key, start=1)]
    optional = (
        ("previous_role", shape.previous_role),
        ("seniority", shape.seniority),
        ("migrated_at", shape.migrated_at),
    )
    return [*keys, ("role", shape.role), *((name, column) for name, column in optional if column)]


def _selected(shape: TargetShape) -> sql.Composed:
    return comma(
        [
            sql.SQL("{} AS {}").format(of("t", column), identifier(name))
            for name, column in image_columns(shape)
        ]
    )


def _row_of_target(shape: TargetShape) -> sql.Composed:
    parts = [of("t", column) for _, column in image_columns(shape)]
    return sql.SQL("ROW({})").format(comma([*parts, sql.SQL("t.xmin::text::bigint")]))


def _row_of_image(shape: TargetShape) -> sql.Composed:
    parts: list[sql.Composable] = [identifier("i", name) for name, _ in image_columns(shape)]
    return sql.SQL("ROW({})").format(comma([*parts, identifier("i", "row_version")]))


def create_statement(shape: TargetShape, name: str, from_roles: Iterable[str]) -> sql.Composed:
    """CREATE TABLE AS for the image."""
    return statement("image_create").format(
        image=image_table(name),
        columns=_selected(shape),
        target=target_name(shape),
        role=identifier(shape.role.name),
        from_roles=comma([literal(role) for role in from_roles]),
    )


def identity_statement(name: str) -> sql.Composed:
    """Lets rows of the image be deleted where a publication FOR ALL TABLES has it too: it has no key."""
    return sql.SQL("ALTER TABLE {} REPLICA IDENTITY FULL").format(image_table(name))


async def create(session: Session, shape: TargetShape, name: str, from_roles: Iterable[str]) -> None:
    """Make the image inside the transaction that is open."""
    await session.execute(create_statement(shape, name, from_roles))
    await session.execute(identity_statement(name))
    await session.execute(sql.SQL("ANALYZE {}").format(image_table(name)))


async def figures(session: Session, shape: TargetShape, name: str) -> Figures:
    """Rows, checksum and bytes of an image.

    Raises:
        DatabaseError: BackupDamaged when the image or one of its columns is gone.
    """
    query = statement("image_checksum").format(row=_row_of_image(shape), image=image_table(name))
    try:
        async with session.savepoint():
            row = await session.row(query, {"image": image_table(name).as_string().replace("%%", "%")})
    except DatabaseError as error:
        if error.reason not in (Reason.TABLE_NOT_FOUND, Reason.COLUMN_NOT_FOUND):
            raise
        raise DatabaseError(
            Reason.BACKUP_DAMAGED, f"the image roleshift.{name} is gone or altered", sqlstate=error.sqlstate
        ) from error
    return Figures(row["rows"], row["checksum"], row["bytes"])


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """Rows and checksum of the rows that an image was made from, and rows for each role of the table."""

    rows: int
    checksum: str
    by_role: Mapping[str, int]
    null_rows: int


def source_statement(shape: TargetShape) -> sql.Composed:
    """Rows and checksum of the target, by role."""
    return statement("image_source").format(
        role=identifier(shape.role.name), row=_row_of_target(shape), target=target_name(shape)
    )


async def source_figures(session: Session, shape: TargetShape, from_roles: Iterable[str]) -> SourceFigures:
    """Recount the matrix and the checksum of the source in one pass, in the image's snapshot."""
    rows = await session.rows(source_statement(shape))
    wanted = set(from_roles)
    mine = [row for row in rows if row["role"] in wanted]
    return SourceFigures(
        rows=sum(row["rows"] for row in mine),
        checksum=str(sum(int(row["checksum"]) for row in mine)),
        by_role={row["role"]: row["rows"] for row in rows if row["role"] is not None},
        null_rows=sum(row["rows"] for row in rows if row["role"] is None),
    )


async def record(
    session: Session,
    run: RunRecord,
    plan: Plan,
    name: str,
    found: Figures,
    references: Mapping[str, int],
    retention_seconds: int,
) -> None:
    """Enter a verified image into the catalogue of backups, in the image's own transaction."""
    await session.execute(
        statement("image_record"),
        {
            "name": name,
            "run_id": run.run_id,
            "rows": found.rows,
            "bytes": found.bytes,
            "checksum": found.checksum,
            "references": Jsonb(dict(references)),
            "arrived": Jsonb(sorted(plan.proof.arrived)),
            "retention": retention_seconds,
        },
    )


@dataclass(frozen=True, slots=True)
class Drift:
    """Rows that differ between table and image since the image was made."""

    added: int
    gone: int
    changed: int

    @property
    def any(self) -> bool:
        """Whether the image has to be refreshed."""
        return bool(self.added or self.gone or self.changed)


async def refresh(session: Session, shape: TargetShape, name: str, from_roles: list[str]) -> Drift:
    """Bring the image up to date with a table that nobody else can write at this moment."""
    look, *changes = refresh_statements(shape, name)
    params = {"from_roles": from_roles}
    row = await session.row(look, params)
    drift = Drift(row["added"], row["gone"], row["changed"])
    for change in changes if drift.any else ():
        await session.execute(change, params)
    return drift


def refresh_statements(shape: TargetShape, name: str) -> list[sql.Composed]:
    """How table and image differ, and what takes out of the image and puts into it."""
    parts = {
        "image": image_table(name),
        "target": target_name(shape),
        "role": identifier(shape.role.name),
        "join": key_join(shape),
    }
    named = {**parts, "keys": _named_keys(shape), "join": _join_of_named_keys(shape)}
    return [
        statement("image_drift").format(**named),
        statement("image_refresh_remove").format(**parts),
        statement("image_refresh_add").format(columns=_selected(shape), **parts),
    ]


def _named_keys(shape: TargetShape) -> sql.Composed:
    """The key columns under the image's names for them, which collide with nothing."""
    return comma(
        [
            sql.SQL("{} AS {}").format(of("t", column), identifier(name))
            for name, column in image_columns(shape)[: len(shape.key)]
        ]
    )


def _join_of_named_keys(shape: TargetShape) -> sql.Composed:
    names = [name for name, _ in image_columns(shape)[: len(shape.key)]]
    pairs = [sql.SQL("{} = {}").format(identifier("t", name), identifier("i", name)) for name in names]
    return sql.SQL(" AND ").join(pairs)


async def update_record(session: Session, name: str, found: Figures, arrived: Sequence[str]) -> None:
    """Enter the figures of a refreshed image, and the new roles that rows outside it hold already."""
    await session.execute(
        statement("image_update_record"),
        {
            "name": name,
            "rows": found.rows,
            "bytes": found.bytes,
            "checksum": found.checksum,
            "arrived": Jsonb(list(arrived)),
        },
    )


async def drop(session: Session, run: RunRecord, name: str) -> None:
    """Drop an image and its entry, inside the transaction that is open."""
    await session.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(image_table(name)))
    await session.execute(statement("image_forget"), {"run_id": run.run_id})
