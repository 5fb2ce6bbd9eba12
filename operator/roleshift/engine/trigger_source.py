"""What a trigger's function does to the row that a run writes, as far as its text tells. Pure.

A BEFORE … FOR EACH ROW function decides by what it returns: NEW lets the row through, NULL
swallows it, anything else writes something that the run did not ask for
(https://www.postgresql.org/docs/current/trigger-definition.html). Any trigger can raise an
exception, or write the table once more. The text is read, never run: code paths are not told apart.
"""

import re
from collections.abc import Sequence
from enum import StrEnum

from roleshift.engine.facts.dependencies import Trigger

_NOT_CODE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
_RETURNED = re.compile(r"\breturn\b([^;]*)", re.IGNORECASE)
_COALESCED = re.compile(r"coalesce\s*\(\s*new\s*,.*", re.IGNORECASE | re.DOTALL)
_WHOLE_ROW = re.compile(
    r"(?:^|;|\b(?:then|else|begin|loop)\b)\s*new\s*:?=|\binto\s+(?:strict\s+)?new\b(?!\s*\.)", re.IGNORECASE
)
_WHERE = re.compile(r"\bwhere\b", re.IGNORECASE)
_RAISED = re.compile(r"\braise\b(?!\s+(?:debug|log|info|notice|warning)\b)", re.IGNORECASE)
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
    REFUSES = "Refuses"
    OVERWRITES = "Overwrites"
    UNKNOWN = "Unknown"
    SWALLOWS = "Swallows"


def effect_of(trigger: Trigger, written: Sequence[str]) -> TriggerEffect:
    """The gravest thing that the function's text says.

    Args:
        written: the columns that a run writes.
    """
    if trigger.function in _LETS_THROUGH:
        return TriggerEffect.FIRES
    if trigger.language != "plpgsql" or not trigger.source:
        return TriggerEffect.UNKNOWN if trigger.before_row else TriggerEffect.FIRES
    code = _NOT_CODE.sub(_without, trigger.source)
    effect = _effect_on_row(trigger.source, code, written) if trigger.before_row else TriggerEffect.FIRES
    if effect is not TriggerEffect.FIRES:
        return effect
    if _writes_again(code, trigger.table.rpartition(".")[2], written):
        return TriggerEffect.OVERWRITES
    return TriggerEffect.REFUSES if _may_refuse(code, written) else TriggerEffect.FIRES


def _effect_on_row(source: str, code: str, written: Sequence[str]) -> TriggerEffect:
    returned = [_word(text) for text in _RETURNED.findall(code)]
    if "null" in returned:
        return TriggerEffect.SWALLOWS
    # A function for several events returns OLD when a row is deleted: once, not again elsewhere.
    is_for_deletes = "DELETE" in source.upper() and returned.count("old") == 1
    if set(returned) - ({"new", "old"} if is_for_deletes else {"new"}):
        return TriggerEffect.UNKNOWN
    if _WHOLE_ROW.search(code) or assigned_columns(code) & set(written):
        return TriggerEffect.OVERWRITES
    return TriggerEffect.FIRES


def _writes_again(code: str, table: str, written: Sequence[str]) -> bool:
    """Whether an UPDATE of the table itself stands in the code and sets a column that the run writes."""
    columns = "|".join(map(re.escape, written))
    update = rf'\bupdate\s+(?:only\s+)?(?:"?\w+"?\s*\.\s*)?"?{re.escape(table)}"?\s[^;]*?\bset\b([^;]*)'
    return any(
        re.search(rf'(?<![\w.])"?(?:{columns})"?\s*=', _WHERE.split(assigned)[0], re.IGNORECASE)
        for assigned in re.findall(update, code, re.IGNORECASE)
    )


def _may_refuse(code: str, written: Sequence[str]) -> bool:
    """Whether it raises an exception and looks at a column that the run writes."""
    columns = "|".join(map(re.escape, written))
    looked_at = rf'\b(?:new|old)\s*\.\s*"?(?:{columns})\b'
    return bool(_RAISED.search(code) and re.search(looked_at, code, re.IGNORECASE))


def assigned_columns(code: str) -> set[str]:
    """Columns of NEW that PL/pgSQL code assigns; unquoted names are folded as the server folds them."""
    names = [first or second for first, second in _ASSIGNED.findall(code)]
    return {name.strip('"') if name.startswith('"') else name.lower() for name in names}


def _word(returned: str) -> str:
    """What stands after RETURN; COALESCE(NEW, … is NEW, since an update always has one."""
    text = returned.strip()
    while text.startswith("(") and text.endswith(")"):
        text = text[1:-1].strip()
    return "new" if _COALESCED.fullmatch(text) else text.strip('"').lower()


def _without(match: re.Match[str]) -> str:
    return "''" if match.group().startswith("'") else " "
