"""How long one Transaction writes, estimated from what was measured. Pure; an estimate, never a promise.

Source: one plain UPDATE of 2 million rows with three indexes took 11.1 s on two cores (180,000 rows a
second, 5.6 µs a row), 17 s on a slower day (8.5 µs a row). An update that touches an indexed column puts
a new entry into every index, so the cost grows with their number. The figures below come to 10 µs a row
at three indexes, which is room to spare on both days.
"""

import math

OVERHEAD_SECONDS = 1
MICROSECONDS_PER_ROW = 4
MICROSECONDS_PER_INDEX_ENTRY = 2


def transaction_seconds(rows: int, indexes: int) -> int:
    """Seconds that a Transaction over so many rows takes, rounded up.

    Triggers are not counted: what they do is not known.

    Args:
        rows: that will be written.
        indexes: of the table; each gets an entry for each row.
    """
    per_row = MICROSECONDS_PER_ROW + MICROSECONDS_PER_INDEX_ENTRY * indexes
    return OVERHEAD_SECONDS + math.ceil(rows * per_row / 1_000_000)
