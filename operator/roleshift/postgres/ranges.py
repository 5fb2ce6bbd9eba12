"""Ranges of an image's blocks: how a large write is cut into statements without reading keys.

A range is found by the image's physical blocks (a TID range scan), so it works
for every kind of key, and the target is visited in heap order.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from roleshift.postgres.session import Session
from roleshift.postgres.statements import image_table, statement

BLOCKS_IN_A_RANGE = 128
"""About 10,000 to 15,000 rows of an image with a bigint key."""


@dataclass(frozen=True, slots=True)
class BlockRange:
    """Blocks from `first` up to, not including, `last`."""

    first: int
    last: int

    def params(self) -> dict[str, str]:
        """The bounds as tuple identifiers."""
        return {"first": f"({self.first},0)", "last": f"({self.last},0)"}


def cut(blocks: int, size: int = BLOCKS_IN_A_RANGE) -> Iterator[BlockRange]:
    """Ranges of at most `size` blocks that cover all of them."""
    for first in range(0, blocks, size):
        yield BlockRange(first, first + size)


async def block_ranges(session: Session, image: str, size: int = BLOCKS_IN_A_RANGE) -> list[BlockRange]:
    """The ranges of an image as it is now, of `size` blocks at most."""
    name = image_table(image).as_string().replace("%%", "%")
    row = await session.row(statement("image_blocks"), {"image": name})
    return list(cut(row["blocks"], size))
