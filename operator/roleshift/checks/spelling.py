"""Whether a role that is not there was meant to be one that is: by case and spaces, or by a letter."""

import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches

_CLOSE = 0.85
"""Similarity from which on two names are taken for one that was mistyped."""


def twin(role: str, known: Iterable[str]) -> str | None:
    """What differs from the role only in case, in spaces around it, or in how Unicode writes it."""
    wanted = _folded(role)
    return next((one for one in known if one != role and _folded(one) == wanted), None)


def meant(role: str, known: Iterable[str]) -> str:
    """`, did you mean "x"?` where one of the known ones is close, else ""."""
    others = [one for one in known if one != role]
    close = twin(role, others) or next(iter(get_close_matches(role, others, n=1, cutoff=_CLOSE)), None)
    return f', did you mean "{close}"?' if close else ""


def _folded(role: str) -> str:
    return unicodedata.normalize("NFKC", role).casefold().strip()
