"""Ranges of an image's blocks: how a large write is cut into statements without reading keys.

A range is found by the image's physical blocks (a TID range scan), so it works
for every kind of key, and the target is visited in heap order.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from psycopg import sql

from roleshift.postgres.session import Session
from roleshift.postgres.statements import image_table, statement

BLOCKS_IN_A_RANGE = 8192
"""64 MiB of the image, of which a hash join keeps every row in memory: few ranges read the whole target."""
_MEMORY = sql.SQL("SET LOCAL work_mem = '128MB'; SET LOCAL hash_mem_multiplier = 2")


@dataclass(frozen=True, slots=True)
class BlockRange:
    """Blocks from `first` up to, not including, `last`."""

    first: int
    last: int

    def params(self) -> dict[str, str]:
        """The bounds as tuple identifiers."""
        return {"first": f"({self.first},0)", "last": f"({self.last},0)"}


async def make_room(session: Session) -> None:
    """Have memory for a join with one range, or with all of them, until the open transaction ends."""
    await session.execute(_MEMORY)


def cut(blocks: int, size: int = BLOCKS_IN_A_RANGE) -> Iterator[BlockRange]:
    """Ranges of at most `size` blocks that cover all of them."""
    for first in range(0, blocks, size):
        yield BlockRange(first, first + size)


async def block_ranges(session: Session, image: str, size: int = BLOCKS_IN_A_RANGE) -> list[BlockRange]:
    """The ranges of an image as it is now, in blocks, of `size` at most."""
    name = image_table(image).as_string().replace("%%", "%")
    row = await session.row(statement("image_blocks"), {"image": name})
    return list(cut(row["blocks"], size))
