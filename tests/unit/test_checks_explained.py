"""Every check is explained: what it looks at, and what it can't see."""

import pytest

from roleshift.api.safety import CheckName
from roleshift.checks.explained import EXPLANATIONS


@pytest.mark.parametrize("name", CheckName)
def test_a_check_says_what_it_looks_at_and_what_it_can_not_see(name: CheckName) -> None:
    explained = EXPLANATIONS[name]
    assert explained.looks_at.endswith(".")
    assert explained.blind_to.endswith(".")
    assert "|" not in explained.looks_at + explained.blind_to


def test_nothing_else_is_explained() -> None:
    assert list(EXPLANATIONS) == list(CheckName)
