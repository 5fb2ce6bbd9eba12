"""Every reason is explained, and used."""

import re
from pathlib import Path

import pytest

import roleshift
from roleshift.api.reasons import EXPLANATIONS
from roleshift.errors import Reason

_PROGRAM = Path(roleshift.__file__).parent
_ELSEWHERE = "\n".join(path.read_text() for path in _PROGRAM.rglob("*.py") if path.name != "reasons.py")


def test_every_reason_is_explained() -> None:
    assert set(EXPLANATIONS) == set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_a_word_for_conditions_and_is_given_somewhere(reason: Reason) -> None:
    assert re.fullmatch(r"[A-Z][A-Za-z]+", reason)
    assert f"Reason.{reason.name}" in _ELSEWHERE
