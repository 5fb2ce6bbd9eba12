"""The before-image: a table in the ledger schema with the rows that will change, as they were.

Columns: key_1 … key_n, role, previous_role, seniority, migrated_at (where the target has them) as they
were; to_role and to_seniority, what the run writes; turn, when it does, where rows have to wait for each
other; whole_row, every column of a row that Merge removes; and row_version.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from psycopg import sql
from psycopg.types.json import Jsonb

from roleshift.engine.naming import removed_name
from roleshift.engine.run import Image, RunRecord
from roleshift.engine.target import Column, TargetShape
from roleshift.errors import DatabaseError, Reason
from roleshift.postgres.moving import Moving, columns_of, to_role, to_seniority
from roleshift.postgres.session import Session
from roleshift.postgres.statements import comma, identifier, image_key, image_table, key_join, of, statement


@dataclass(frozen=True, slots=True)
class Figures:
    """What an image comes to: rows, checksum as decimal text, bytes on disk."""

    rows: int
    checksum: str
    bytes: int


def image_columns(moving: Moving) -> list[tuple[str, sql.Composable]]:
    """The image's columns with what they are made of; keys first."""
    shape = moving.shape
    return [
        *((name, of("t", column)) for name, column in _kept(shape)),
        ("to_role", to_role(shape)),
        *([("to_seniority", to_seniority(shape))] if shape.seniority else []),
        *([("turn", sql.SQL("w.turn"))] if shape.ordered else []),
        *([("whole_row", moving.whole)] if shape.merges else []),
        ("row_version", sql.SQL("t.xmin::text::bigint")),
    ]


def _kept(shape: TargetShape) -> list[tuple[str, Column]]:
    """What is kept as it was."""
    keys = [(image_key(position), column) for position, column in enumerate(shape.key, start=1)]
    optional = (
        ("previous_role", shape.previous_role),
        ("seniority", shape.seniority),
        ("migrated_at", shape.migrated_at),
    )
    return [*keys, ("role", shape.role), *((name, column) for name, column in optional if column)]


def _row_of_target(moving: Moving) -> sql.Composed:
    return sql.SQL("ROW({})").format(comma([part for _, part in image_columns(moving)]))


def _row_of_image(moving: Moving) -> sql.Composed:
    return sql.SQL("ROW({})").format(comma([identifier("i", name) for name, _ in image_columns(moving)]))


def create_statement(moving: Moving, name: str) -> sql.Composed:
    """CREATE TABLE AS for the image."""
    return statement("image_create").format(
        image=image_table(name),
        columns=columns_of(image_columns(moving)),
        source=moving.source,
        moved=moving.where,
    )


def identity_statement(name: str) -> sql.Composed:
    """Lets rows of the image be deleted where a publication FOR ALL TABLES has it too: it has no key."""
    return sql.SQL("ALTER TABLE {} REPLICA IDENTITY FULL").format(image_table(name))


async def create(session: Session, moving: Moving, name: str) -> None:
    """Make the image inside the transaction that is open."""
    await session.execute(create_statement(moving, name))
    await finish(session, name)


async def finish(session: Session, name: str) -> None:
    """What an image needs beside its rows, inside the transaction that is open."""
    await session.execute(identity_statement(name))
    await session.execute(sql.SQL("ANALYZE {}").format(image_table(name)))


async def figures(session: Session, moving: Moving, name: str) -> Figures:
    """Rows, checksum and bytes of an image.

    Raises:
        DatabaseError: BackupDamaged when the image or one of its columns is gone.
    """
    query = statement("image_checksum").format(row=_row_of_image(moving), image=image_table(name))
    try:
        async with session.savepoint():
            row = await session.row(query, {"image": image_table(name).as_string().replace("%%", "%")})
    except DatabaseError as error:
        if error.reason not in (Reason.TABLE_NOT_FOUND, Reason.COLUMN_NOT_FOUND):
            raise
        raise _damaged(name, error) from error
    return Figures(row["rows"], row["checksum"], row["bytes"])


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """Rows and checksum of the rows that an image was made from."""

    rows: int
    checksum: str


def source_statement(moving: Moving) -> sql.Composed:
    """Rows and checksum of what is moved."""
    return statement("image_source").format(
        row=_row_of_target(moving), source=moving.source, moves=moving.moves("t")
    )


async def source_figures(session: Session, moving: Moving) -> SourceFigures:
    """The rows that an image has to hold, in the image's snapshot."""
    return SourceFigures(**await session.row(source_statement(moving)))


async def record(
    session: Session,
    run: RunRecord,
    arrived: Iterable[str],
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
            "arrived": Jsonb(sorted(arrived)),
            "retention": retention_seconds,
        },
    )


@dataclass(frozen=True, slots=True)
class Drift:
    """Rows that differ between table and image since the image was made.

    Attributes:
        anew: the image is made anew, because what becomes of a row depends on others.
    """

    added: int
    gone: int
    changed: int
    anew: bool

    @property
    def any(self) -> bool:
        """Whether the image has to be refreshed."""
        return bool(self.added or self.gone or self.changed or self.anew)


async def refresh(session: Session, moving: Moving, name: str, *, keeps_keys: bool = False) -> Drift:
    """Bring the image up to date with a table that nobody else can write at this moment.

    Args:
        keeps_keys: note the keys of rows that are taken out, for an archive that still has them.
    """
    look, remove, add = refresh_statements(moving, name)
    row = await session.row(look)
    drift = Drift(row["added"], row["gone"], row["changed"], anew=is_made_anew(moving.shape))
    if drift.any:
        noted = keeps_keys and not drift.anew
        for change in [*(_noting(moving.shape, name, remove) if noted else [remove]), add]:
            await session.execute(change)
    return drift


def _noting(shape: TargetShape, name: str, remove: sql.Composed) -> list[sql.Composed]:
    """The same removal, with the keys of what is removed in a table of their own."""
    keys = comma([identifier("i", key) for key in key_names(shape)])
    noted, kept = image_table(removed_name(name)), image_table(name)
    create = sql.SQL("CREATE TABLE {} AS SELECT {} FROM {} AS i WITH NO DATA").format(noted, keys, kept)
    note = sql.SQL("WITH gone AS ({} RETURNING {}) INSERT INTO {} SELECT * FROM gone")
    return [create, note.format(remove, keys, noted)]


def is_made_anew(shape: TargetShape) -> bool:
    """Whether a refresh makes the image anew: what becomes of a row may depend on rows outside it."""
    return bool(shape.whole)


def key_names(shape: TargetShape) -> list[str]:
    """The image's names for the key columns."""
    return [image_key(position) for position, _ in enumerate(shape.key, start=1)]


def refresh_statements(moving: Moving, name: str) -> list[sql.Composed]:
    """How table and image differ, and what takes out of the image and puts into it."""
    shape = moving.shape
    parts = {
        "image": image_table(name),
        "source": moving.source,
        "moves": moving.moves("t"),
        "join": key_join(shape),
    }
    named = {**parts, "keys": columns_of(_keys(shape)), "join": _join_of_named_keys(shape)}
    remove = "image_empty" if is_made_anew(shape) else "image_refresh_remove"
    return [
        statement("image_drift").format(**named),
        statement(remove).format(**parts),
        statement("image_refresh_add").format(
            names=comma([identifier(column) for column, _ in image_columns(moving)]),
            columns=columns_of(image_columns(moving)),
            **parts,
        ),
    ]


def _keys(shape: TargetShape) -> list[tuple[str, sql.Composable]]:
    """The key columns under the image's names for them, which collide with nothing."""
    return [(name, of("t", column)) for name, column in _kept(shape)[: len(shape.key)]]


def _join_of_named_keys(shape: TargetShape) -> sql.Composed:
    pairs = [
        sql.SQL("{} = {}").format(identifier("t", name), identifier("i", name)) for name, _ in _keys(shape)
    ]
    return sql.SQL(" AND ").join(pairs)


async def update_record(session: Session, kept: Image) -> None:
    """Enter the figures of a refreshed image, and the new roles that rows outside it hold already."""
    await session.execute(
        statement("image_update_record"),
        {
            "name": kept.name,
            "rows": kept.rows,
            "bytes": kept.bytes,
            "checksum": kept.checksum,
            "arrived": Jsonb(list(kept.arrived)),
        },
    )


async def lock(session: Session, name: str) -> None:
    """Keep whoever would write to an image out until the transaction ends.

    Raises:
        DatabaseError: BackupDamaged when it is gone; LockTimeout, retryable.
    """
    try:
        await session.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(image_table(name)))
    except DatabaseError as error:
        if error.reason is not Reason.TABLE_NOT_FOUND:
            raise
        raise _damaged(name, error) from error


async def drop(session: Session, run: RunRecord, name: str) -> None:
    """Drop an image, and take out the entries of the run's backups, inside the transaction that is open."""
    await session.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(image_table(name)))
    await session.execute(statement("image_forget"), {"run_id": run.run_id})


def _damaged(name: str, error: DatabaseError) -> DatabaseError:
    return DatabaseError(
        Reason.BACKUP_DAMAGED, f"the image roleshift.{name} is gone or altered", sqlstate=error.sqlstate
    )
