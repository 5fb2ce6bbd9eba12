"""Rows of an image as binary COPY, out of the database and into it, in parts that fit into memory.

A column whose type is no built-in one leaves as text: the binary form of an array names its element type by a
number that means another type, or none, in another database.
"""

import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

from psycopg import sql

from roleshift.engine.naming import removed_name
from roleshift.postgres.ranges import cut
from roleshift.postgres.session import Session, Timeouts
from roleshift.postgres.statements import comma, identifier, image_table, statement, trusted

PART_BYTES = 16 << 20
"""How large a part may be before it is compressed; what is held in memory at once."""
_GZIP = 31
_LEVEL = 6
_PIECE_BYTES = 1 << 20
_COPY_OUT = sql.SQL(
    "COPY (SELECT {columns} FROM {table} AS i WHERE i.ctid >= {first}::tid AND i.ctid < {last}::tid{which})"
    " TO STDOUT (FORMAT binary)"
)
_COPY_IN = sql.SQL("COPY {table} ({names}) FROM STDIN (FORMAT binary)")


@dataclass(frozen=True, slots=True)
class CopiedColumn:
    """A column of an image.

    Attributes:
        type: in the image, as `format_type` writes it.
        copied: in the copy: the same, or text.
    """

    name: str
    type: str
    copied: str

    @property
    def selected(self) -> sql.Composable:
        """The column as it is copied."""
        own = identifier("i", self.name)
        return own if self.copied == self.type else sql.SQL("{}::{}").format(own, trusted(self.copied))


@dataclass(frozen=True, slots=True)
class CopiedPart:
    """A complete binary COPY file, compressed by gzip, and its rows."""

    content: bytes
    rows: int


async def copied_columns(session: Session, table: str) -> tuple[CopiedColumn, ...]:
    """The columns of an image, or of a table made like it, in their order."""
    rows = await session.rows(statement("image_columns"), {"image": _regclass(table)})
    return tuple(CopiedColumn(row["name"], row["type"], row["copied"]) for row in rows)


async def parts_of(
    session: Session, table: str, timeouts: Timeouts, written_by: int | None = None
) -> AsyncIterator[CopiedPart]:
    """The rows of an image; each part is read in a transaction of its own, so that none waits for a store.

    Args:
        written_by: only rows that came in by the transaction of this number (32 bits).
    """
    columns = await copied_columns(session, table)
    extent = await session.row(statement("image_extent"), {"image": _regclass(table)})
    blocks = max(1, PART_BYTES * extent["blocks"] // max(1, extent["bytes"]))
    which = sql.SQL("") if written_by is None else _written_by(written_by)
    for part in cut(extent["blocks"], blocks):
        bounds = part.params()
        query = _COPY_OUT.format(
            columns=comma([column.selected for column in columns]),
            table=image_table(table),
            first=sql.Literal(bounds["first"]),
            last=sql.Literal(bounds["last"]),
            which=which,
        )
        async with session.transaction(timeouts):
            found = await _packed(session, query)
        if found.rows:
            yield found


def _written_by(xid: int) -> sql.Composed:
    return sql.SQL(" AND i.xmin = {}::xid").format(sql.Literal(str(xid)))


async def _packed(session: Session, query: sql.Composed) -> CopiedPart:
    packer, packed = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP), bytearray()
    rows = await session.copy_out(query, lambda piece: packed.extend(packer.compress(piece)))
    packed.extend(packer.flush())
    return CopiedPart(bytes(packed), rows)


async def create_like_copy(session: Session, table: str, columns: Sequence[CopiedColumn]) -> None:
    """An empty table with the columns as they are copied, inside the transaction that is open."""
    defined = [sql.SQL("{} {}").format(identifier(c.name), trusted(c.copied)) for c in columns]
    await session.execute(sql.SQL("CREATE TABLE {} ({})").format(image_table(table), comma(defined)))


async def load(session: Session, table: str, columns: Sequence[CopiedColumn], content: bytes) -> int:
    """Load one part; returns its rows.

    Raises:
        DatabaseError: it is no copy of these columns.
        zlib.error: it can't be unpacked.
    """
    names = comma([identifier(column.name) for column in columns])
    return await session.copy_in(_COPY_IN.format(table=image_table(table), names=names), _unpacked(content))


def _unpacked(content: bytes) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(_GZIP)
    piece = unpacker.decompress(content, _PIECE_BYTES)
    while piece:
        yield piece
        piece = unpacker.decompress(unpacker.unconsumed_tail, _PIECE_BYTES)


async def retype(session: Session, table: str, columns: Sequence[CopiedColumn]) -> None:
    """Give the columns the types of the image."""
    changes = [
        sql.SQL("ALTER COLUMN {0} TYPE {1} USING {0}::{1}").format(identifier(c.name), trusted(c.type))
        for c in columns
        if c.copied != c.type
    ]
    if changes:
        await session.execute(sql.SQL("ALTER TABLE {} {}").format(image_table(table), comma(changes)))


async def replace_rows(session: Session, table: str, removed: str, added: str, keys: Sequence[str]) -> None:
    """Take the rows whose keys are in one table out, and put those of another one in."""
    same = sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(identifier("i", key), identifier("r", key)) for key in keys
    )
    take_out = sql.SQL("DELETE FROM {} AS i USING {} AS r WHERE {}")
    await session.execute(take_out.format(image_table(table), image_table(removed), same))
    put_in = sql.SQL("INSERT INTO {} SELECT * FROM {}")
    await session.execute(put_in.format(image_table(table), image_table(added)))


async def drop(session: Session, *tables: str) -> None:
    """Drop tables of the ledger's schema that may be there."""
    for table in tables:
        await session.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(image_table(table)))


async def set_aside(session: Session, image: str, name: str) -> None:
    """Rename an altered image, so that nothing of it is lost; nothing happens where it is gone."""
    rename = sql.SQL("ALTER TABLE IF EXISTS {} RENAME TO {}")
    await session.execute(rename.format(image_table(image), identifier(name)))


async def has_removed(session: Session, image: str) -> bool:
    """Whether the write noted the keys of rows that it took out of the image."""
    row = await session.row(statement("image_removed_keys"), {"name": _regclass(removed_name(image))})
    return bool(row["there"])


def _regclass(table: str) -> str:
    return image_table(table).as_string().replace("%%", "%")
