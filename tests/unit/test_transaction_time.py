"""The estimate of a Transaction's seconds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleshift.checks.wording import counted
from roleshift.engine.amounts import amount
from roleshift.engine.transaction_time import transaction_seconds

MEASURED_ROWS = 2_000_000
MEASURED_INDEXES = 3
SLOWER_DAY_SECONDS = 17


@pytest.mark.parametrize(
    ("rows", "indexes", "seconds"),
    [(0, 3, 1), (1, 0, 2), (100_000, 3, 2), (100_001, 3, 3), (2_000_000, 3, 21), (2_000_000, 8, 41)],
)
def test_it_grows_with_rows_and_indexes(rows: int, indexes: int, seconds: int) -> None:
    assert transaction_seconds(rows, indexes) == seconds


def test_it_is_no_shorter_than_what_was_measured_on_the_slower_day() -> None:
    assert transaction_seconds(MEASURED_ROWS, MEASURED_INDEXES) >= SLOWER_DAY_SECONDS


@given(st.integers(0, 10**12), st.integers(0, 100))
def test_more_is_never_quicker(rows: int, indexes: int) -> None:
    now = transaction_seconds(rows, indexes)
    assert now <= transaction_seconds(rows + 1, indexes)
    assert now <= transaction_seconds(rows, indexes + 1)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (150 << 20, "150 MiB"),
        (1 << 80, "1073741824 PiB"),
    ],
)
def test_amounts_have_units(size: int, text: str) -> None:
    assert amount(size) == text


def test_one_is_not_many() -> None:
    assert (counted(1, "index", "indexes"), counted(0, "index", "indexes")) == ("1 index", "0 indexes")
