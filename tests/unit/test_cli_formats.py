"""Numbers and times are shown, and durations read, as people write them."""

from datetime import timedelta

import pytest

from roleshift.cli.formats import count, duration, seconds_of, size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("1h", 3600), (" 0.5s ", 0.5)],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "ten", "10x", "-1s", "5m1h", "1 h"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write 90s, 10m or 1h30m"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<1 s"),
        (0, "<1 s"),
        (1, "1 s"),
        (59.9, "59 s"),
        (60, "1 m"),
        (200, "3 m 20 s"),
        (7_500, "2 h 5 m"),
        (86_400, "1 d"),
        (273_700, "3 d 4 h"),
    ],
)
def test_a_span_is_shown_by_its_two_largest_units(seconds: float, text: str) -> None:
    assert duration(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 bytes"), (999, "999 bytes"), (7_600_000, "7.6 MB"), (5 * 10**15, "5000.0 TB")]
)
def test_a_size_is_shown_in_decimal_units(number: int, text: str) -> None:
    assert size(number) == text


def test_a_count_has_separators_and_its_noun() -> None:
    assert [count(1, "row"), count(1_234_567, "row"), count(0, "row"), count(1_000)] == [
        "1 row",
        "1,234,567 rows",
        "0 rows",
        "1,000",
    ]
