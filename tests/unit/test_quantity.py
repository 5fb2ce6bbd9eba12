"""Kubernetes quantities as numbers."""

from decimal import Decimal

import pytest

from roleshift.cluster.quantity import quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", "0"),
        ("2", "2"),
        ("500m", "0.5"),
        ("1500000u", "1.5"),
        ("250000000n", "0.25"),
        ("1.5", "1.5"),
        (".5", "0.5"),
        ("1k", "1000"),
        ("129M", "129000000"),
        ("129e6", "129000000"),
        ("1E", "1e18"),
        ("1E3", "1000"),
        ("128Ki", "131072"),
        ("1.5Gi", "1610612736"),
        ("2Ei", "2305843009213693952"),
        (4, "4"),
    ],
)
def test_every_notation_is_read(text: object, number: str) -> None:
    assert quantity(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "m", "1 Gi", "1gi", "1KiB", "one", None, "1e"])
def test_what_is_no_quantity_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        quantity(text)
