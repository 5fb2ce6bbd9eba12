"""Progress: percent, rate, bar and an estimate that is not made of nothing."""

from datetime import UTC, datetime, timedelta

from roleshift.engine.progress import Progress

START = datetime(2026, 1, 1, tzinfo=UTC)


def after(seconds: float, rows: int, total: int) -> Progress:
    return Progress(total, rows, START, START + timedelta(seconds=seconds))


def test_the_bar_shows_the_percent_rounded_down() -> None:
    assert after(1, 616, 1000).bar == "[######----] 61%"


def test_an_empty_table_is_done_at_once() -> None:
    assert after(0, 0, 0).percent == 100


def test_the_rest_is_estimated_at_the_mean_rate() -> None:
    assert after(10, 250, 1000).estimated_completion == START + timedelta(seconds=40)


def test_no_rate_and_no_sane_rate_give_no_estimate() -> None:
    assert after(10, 0, 1000).estimated_completion is None
    assert after(1, 1, 10**12).estimated_completion is None
