"""What a trigger's function does to the row that a run writes, as far as its text tells. Pure.

A BEFORE … FOR EACH ROW function decides by what it returns: NEW lets the row through, NULL
swallows it, anything else writes something that the run did not ask for
(https://www.postgresql.org/docs/current/trigger-definition.html). All other triggers
only fire. The text is read, never run: code paths are not told apart.
"""

import re
from collections.abc import Sequence
from enum import StrEnum

from roleshift.engine.facts.dependencies import Trigger

_NOT_CODE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
_RETURNED = re.compile(r"\breturn\s+(coalesce\s*\(\s*new\s*,|\"?\w+)", re.IGNORECASE)
_COLUMN_OF_NEW = r"new\s*\.\s*(\"[^\"]+\"|\w+)"
_ASSIGNED = re.compile(
    rf"(?:(?:^|;|\b(?:then|else|begin|loop)\b)\s*{_COLUMN_OF_NEW}\s*:?=)"
    rf"|(?:\binto\s+(?:strict\s+)?{_COLUMN_OF_NEW})",
    re.IGNORECASE,
)
_LETS_THROUGH = frozenset(
    {"autoinc", "insert_username", "moddatetime", "tsvector_update_trigger", "tsvector_update_trigger_column"}
)
"""Functions of PostgreSQL and its contrib modules in C that return the row; source: their documentation."""


class TriggerEffect(StrEnum):
    """What a trigger does to a row that is updated."""

    FIRES = "Fires"
    OVERWRITES = "Overwrites"
    UNKNOWN = "Unknown"
    SWALLOWS = "Swallows"


def effect_of(trigger: Trigger, written: Sequence[str]) -> TriggerEffect:
    """The gravest thing that the function's text says.

    Args:
        written: the columns that a run writes.
    """
    if not trigger.before_row or trigger.function in _LETS_THROUGH:
        return TriggerEffect.FIRES
    if trigger.language != "plpgsql" or not trigger.source:
        return TriggerEffect.UNKNOWN
    return _effect_of_text(trigger.source, written)


def _effect_of_text(source: str, written: Sequence[str]) -> TriggerEffect:
    code = _NOT_CODE.sub(_without, source)
    returned = {_word(text) for text in _RETURNED.findall(code)}
    if "null" in returned:
        return TriggerEffect.SWALLOWS
    # A function for several events returns OLD when a row is deleted.
    harmless = {"new", "old"} if "DELETE" in source.upper() else {"new"}
    if returned - harmless:
        return TriggerEffect.UNKNOWN
    if assigned_columns(code) & set(written):
        return TriggerEffect.OVERWRITES
    return TriggerEffect.FIRES


def assigned_columns(code: str) -> set[str]:
    """Columns of NEW that PL/pgSQL code assigns; unquoted names are folded as the server folds them."""
    names = [first or second for first, second in _ASSIGNED.findall(code)]
    return {name.strip('"') if name.startswith('"') else name.lower() for name in names}


def _word(returned: str) -> str:
    """What stands after RETURN; COALESCE(NEW, … is NEW, since an update always has one."""
    return "new" if "(" in returned else returned.strip('"').lower()


def _without(match: re.Match[str]) -> str:
    return "''" if match.group().startswith("'") else " "
