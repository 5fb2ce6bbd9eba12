"""The estimate of a run's bytes: nothing for nothing, more for more, never less than what it writes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleshift.engine.space import Measured, SpaceEstimate, estimate_space, image_widths

MEASURED = Measured(
    rows=1000, changing=1000, heap_bytes=100_000, index_bytes=40_000, indexes=2, image_columns=(8, 4)
)


def test_a_known_case() -> None:
    image = (7 + 2 + 4) * 8192
    dead = 1000 * (100 + 2 * 60)
    assert estimate_space(MEASURED) == SpaceEstimate(
        image=image, wal=image + dead + 1000 * 64 * 3 + 140_000, dead=dead
    )


def test_no_row_needs_nothing() -> None:
    assert estimate_space(replace(MEASURED, changing=0)).total == 0


def test_a_table_without_a_file_is_guessed() -> None:
    assert estimate_space(replace(MEASURED, heap_bytes=0)).dead == 1000 * (200 + 2 * 60)


def test_a_few_rows_of_a_large_table_log_a_few_pages() -> None:
    few = estimate_space(replace(MEASURED, changing=2, heap_bytes=10**9, rows=10**7))
    assert few.wal < 100_000


@pytest.mark.parametrize("field", ["changing", "indexes", "heap_bytes"])
@given(more=st.integers(1, 10**6))
def test_more_of_anything_never_needs_less(field: str, more: int) -> None:
    grown = replace(MEASURED, **{field: getattr(MEASURED, field) + more, "rows": MEASURED.rows})
    assert estimate_space(grown).total >= estimate_space(MEASURED).total


def test_widths_that_are_not_known_are_guessed() -> None:
    assert image_widths({"id": 8, "gone": 0}, ["id", "gone", "role"]) == (8, 0, 12)
