"""How long one Transaction keeps other writers waiting, estimated from what was measured. Pure; no promise.

Source: `python -m benchmarks.estimates`, PostgreSQL 18 and the operator on two cores that did nothing else.
From LOCK to COMMIT 200,000 rows of 150 bytes took 1.9 s with one index, 2.5 s with three, 3.8 s with six,
6.8 s with ten; 3.4 s with three where a row has 1,150 bytes; 2 million rows with three 22.6 s; 2 million rows
of which 2,000 change 0.8 s. An update that touches an indexed column puts a new entry into every index, and
writes the whole row anew; all rows are counted before and after it. The figures below come to 1.2 to 1.8
times that, room to spare for a server that has other work; where others kept both cores busy it took up to
twice as long as estimated.
"""

import math
from dataclasses import dataclass

MICROSECONDS_PER_ROW = 7.5
MICROSECONDS_PER_INDEX_ENTRY = 3.0
MICROSECONDS_PER_KIBIBYTE = 5.0
MICROSECONDS_PER_ROW_COUNTED = 0.3


@dataclass(frozen=True, slots=True)
class Work:
    """What a Transaction has to do.

    Attributes:
        changing: rows that it writes.
        rows: all rows of the table.
        row_bytes: average size of a row, 0 where it is not known.
        indexes: of the table; each gets an entry for each row that is written.
    """

    changing: int
    rows: int
    row_bytes: int
    indexes: int


def transaction_seconds(work: Work) -> int:
    """Seconds from LOCK to COMMIT, rounded up to whole ones.

    Triggers and foreign keys are not counted: what they do is not known.
    """
    per_row = (
        MICROSECONDS_PER_ROW
        + MICROSECONDS_PER_INDEX_ENTRY * work.indexes
        + MICROSECONDS_PER_KIBIBYTE * work.row_bytes / 1024
    )
    microseconds = work.changing * per_row + work.rows * MICROSECONDS_PER_ROW_COUNTED
    return max(1, math.ceil(microseconds / 1_000_000))
