"""How many bytes a run needs, estimated from what was measured. Pure; an estimate, never a promise.

Sources: PostgreSQL's page layout (docs, "Database Page Layout": 24 bytes for a page's header, 24 for a
tuple's and 4 for its line pointer, data aligned to 8 bytes; an index entry has 8 and 4), and the WAL that a
run really wrote: tests/integration/test_check_backup_space.py measures a run and holds the estimate to it,
`python -m benchmarks.estimates` does so for tables of many shapes.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_PAGE = 8192
_PAGE_HEADER = 24
_PAGES_AHEAD = 64
"""PostgreSQL extends a table that is being filled by up to so many pages at once."""
_MAPS = 4
"""Pages of the free space map and the visibility map of a small table."""
_TUPLE_OVERHEAD = 24 + 4
_ALIGNMENT = 8
_ROW_VERSION = 8
_UNKNOWN_WIDTH = 12
"""Of a value whose column was never analyzed: as much as most names of roles."""
_UNKNOWN_ROW = 200
_INDEX_ENTRY = 60
"""A key of two words with its overhead, on pages that splits leave three quarters full."""
_RECORD = 64
"""Header and references of a WAL record."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the estimate begins with. Bytes and rows.

    Attributes:
        rows: all rows of the table.
        changing: rows that the run will write.
        indexes: each gets a new entry for each row that is written.
        image_columns: average widths of what the image keeps of a row.
    """

    rows: int
    changing: int
    heap_bytes: int
    index_bytes: int
    indexes: int
    image_columns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SpaceEstimate:
    """What one run adds, in bytes.

    Attributes:
        image: the before-image.
        wal: what the image and the write log; the server recycles it when nobody holds it.
        dead: old row versions and their index entries; VACUUM makes room for others of them.
    """

    image: int
    wal: int
    dead: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.image + self.wal + self.dead


def estimate_space(measured: Measured) -> SpaceEstimate:
    """What a run over so many rows adds.

    image = the pages that rows × (overhead + columns) fill; dead = rows × (a row + an entry in each index);
    WAL = image + rows × (a row + an entry in each index, each with its record) + once every page that
    is touched (full_page_writes), at most the table with its indexes.
    """
    rows = measured.changing
    if not rows:
        return SpaceEstimate(0, 0, 0)
    image = _pages(rows, _TUPLE_OVERHEAD + _aligned(sum(measured.image_columns) + _ROW_VERSION)) * _PAGE
    row = measured.heap_bytes // measured.rows if measured.heap_bytes else _UNKNOWN_ROW
    dead = rows * (row + measured.indexes * _INDEX_ENTRY)
    touched = min(measured.heap_bytes + measured.index_bytes, rows * (1 + measured.indexes) * _PAGE)
    records = rows * (_RECORD + measured.indexes * _RECORD)
    return SpaceEstimate(image=image, wal=image + dead + records + touched, dead=dead)


def image_widths(widths: Mapping[str, int], columns: Iterable[str]) -> tuple[int, ...]:
    """Average widths of the columns that an image keeps; those that are not known are guessed."""
    return tuple(widths.get(name, _UNKNOWN_WIDTH) for name in columns)


def _pages(rows: int, row: int) -> int:
    """Pages of a table of so many rows of so many bytes; of a row larger than a page the rest is in TOAST."""
    usable = _PAGE - _PAGE_HEADER
    in_each = usable // row
    filled = math.ceil(rows / in_each) if in_each else math.ceil(rows * row / usable)
    return filled + min(filled // 3, _PAGES_AHEAD) + _MAPS


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
