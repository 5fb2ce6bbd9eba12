"""The estimate of a Transaction's seconds."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roleshift.checks.wording import counted
from roleshift.engine.amounts import amount
from roleshift.engine.transaction_time import Work, transaction_seconds

IDLE = {
    Work(200_000, 200_000, 150, 1): 1.87,
    Work(200_000, 200_000, 150, 2): 1.93,
    Work(200_000, 200_000, 150, 3): 2.53,
    Work(200_000, 200_000, 150, 6): 3.84,
    Work(200_000, 200_000, 150, 10): 6.76,
    Work(200_000, 200_000, 1150, 3): 3.40,
    Work(2_000_000, 2_000_000, 150, 3): 22.55,
    Work(2_000, 2_000_000, 150, 3): 0.79,
}
"""Seconds from LOCK to COMMIT that `python -m benchmarks.estimates` measured on an idle machine."""


@pytest.mark.parametrize(("work", "measured"), IDLE.items(), ids=str)
def test_it_is_within_a_factor_of_two_of_what_was_measured(work: Work, measured: float) -> None:
    assert 1 <= transaction_seconds(work) / measured <= 2


@pytest.mark.parametrize(
    ("work", "seconds"),
    [
        (Work(0, 0, 0, 0), 1),
        (Work(1, 1, 100, 1), 1),
        (Work(100_000, 100_000, 0, 0), 1),
        (Work(100_000, 10_000_000, 0, 0), 4),
        (Work(1_000_000, 1_000_000, 1024, 2), 19),
    ],
)
def test_it_is_rounded_up_to_whole_seconds(work: Work, seconds: int) -> None:
    assert transaction_seconds(work) == seconds


_works = st.builds(Work, *[st.integers(0, 10**9)] * 2, st.integers(0, 10_000), st.integers(0, 100))


@given(_works, st.sampled_from(["changing", "rows", "row_bytes", "indexes"]))
def test_more_is_never_quicker(work: Work, field: str) -> None:
    more = replace(work, **{field: getattr(work, field) + 1})
    assert transaction_seconds(work) <= transaction_seconds(more)


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
