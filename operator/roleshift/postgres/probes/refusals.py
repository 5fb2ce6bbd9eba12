"""The probe for values that the columns would refuse: the server is asked to take each one.

From version 16 on a server says of any text whether a type takes it; one that is older is asked
to cast the values, all at once, and one by one only where that fails.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from psycopg import sql

from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.server import ServerFacts
from roleshift.engine.facts.table import RoleFacts
from roleshift.engine.target import Column, Refusal, TargetFacts, ValueCheck
from roleshift.postgres.probes.batch import Probe, Rows, ask, ask_one, sql_probe
from roleshift.postgres.probes.wanted import Wanted
from roleshift.postgres.session import Session
from roleshift.postgres.statements import identifier, literal, trusted

_SECONDS = 10.0
_FIRST_WITH_INPUT_INFO = 16_00_00
_CAST = sql.SQL("given.value::{type}")
_CAST_IF_VALID = sql.SQL(
    "CASE WHEN pg_catalog.pg_input_is_valid(given.value, {type_text}) THEN given.value::{type} END"
)
_CAST_ELEMENT = sql.SQL("ARRAY[given.value]::{type}")
_NO_REASON = sql.SQL("NULL::text")
_REASON_BUT_LENGTH = sql.SQL(
    "(SELECT CASE WHEN e.sql_error_code <> '22001' THEN e.message END"
    " FROM pg_catalog.pg_input_error_info(given.value, {type_text}) AS e)"
)


_TEXT = sql.SQL("{column}::text")
_FIRST_TEXT = sql.SQL("({column}::text[])[1]")


class _Way(Enum):
    """How the server is asked: the value as the type, the reason where the type refuses it, and its text."""

    CAST = (_CAST, _NO_REASON, _TEXT)
    ASK = (_CAST_IF_VALID, _REASON_BUT_LENGTH, _TEXT)
    CAST_ELEMENT = (_CAST_ELEMENT, _NO_REASON, _FIRST_TEXT)


@dataclass(frozen=True, slots=True)
class _Question:
    """Whether a column takes values."""

    column: Column
    checks: tuple[ValueCheck, ...]
    values: tuple[str, ...]


async def refused_values(
    session: Session,
    wanted: Wanted,
    target: TargetFacts,
    roles: RoleFacts | ProbeFailure,
    server: ServerFacts | ProbeFailure,
) -> tuple[Refusal, ...] | ProbeFailure:
    """New roles, seniorities, and old roles that rows really hold: which of them has no place."""
    if isinstance(roles, ProbeFailure):
        return roles
    way = _Way.ASK if _tells_errors(server) else _Way.CAST
    questions = _questions(wanted, target, roles)
    if not questions:
        return ()
    probes = [_probe(i, question, way) for i, question in enumerate(questions)]
    answers = await ask(session, probes, _SECONDS)
    found: list[Refusal] = []
    for question, probe in zip(questions, probes, strict=True):
        answer = answers.of(probe)
        if isinstance(answer, ProbeFailure):
            found += await _one_by_one(session, question, answer)
        else:
            found += _refusals(question, answer)
    return tuple(found)


def _tells_errors(server: ServerFacts | ProbeFailure) -> bool:
    return isinstance(server, ServerFacts) and server.version >= _FIRST_WITH_INPUT_INFO


def _questions(wanted: Wanted, target: TargetFacts, roles: RoleFacts) -> list[_Question]:
    held = [role for role in wanted.from_roles if role in roles.rows]
    asked = (
        (wanted.role_column, _labels_that_are_there(target, wanted.to_roles)),
        (wanted.seniority_column, wanted.seniorities),
        (wanted.previous_role_column, held),
    )
    return [
        _Question(column, tuple(c for c in target.value_checks if c.column == name), tuple(values))
        for name, values in asked
        if name and values and (column := target.column(name)) is not None
    ]


def _labels_that_are_there(target: TargetFacts, roles: Sequence[str]) -> list[str]:
    """What an enum lacks is found without asking, and can't be asked about."""
    enum = target.role_type
    return [role for role in roles if not enum.enum_type or role in enum.enum_labels]


async def _one_by_one(session: Session, question: _Question, failure: ProbeFailure) -> list[Refusal]:
    """Values that make the server fail instead of answering."""
    if len(question.values) == 1:
        return [Refusal(question.column.name, question.values[0], failure.message)]
    found: list[Refusal] = []
    for value in question.values:
        alone = replace(question, values=(value,))
        answer = await ask_one(session, _probe(0, alone, _Way.CAST), _SECONDS)
        if isinstance(answer, ProbeFailure):
            found.append(Refusal(question.column.name, value, answer.message))
        else:
            found += _refusals(alone, answer)
    return found


def _refusals(question: _Question, answer: Rows) -> list[Refusal]:
    too_long = f"does not fit {question.column.type_name}"
    forbidden = f"refused by constraint {', '.join(check.name for check in question.checks)}"
    return [
        Refusal(
            question.column.name,
            row["value"],
            forbidden if row["fits"] else row["why"] or too_long,
        )
        for row in answer
        if not (row["fits"] and row["allowed"])
    ]


def _probe(position: int, question: _Question, way: _Way) -> Probe[Rows]:
    column, name = question.column, f"values_{position}"
    allowed = [sql.SQL("({}) IS NOT FALSE").format(trusted(check.expression)) for check in question.checks]
    types = {"type": trusted(column.type_name), "type_text": literal(column.type_name)}
    taken, why, text = (_Way.CAST_ELEMENT if column.is_array else way).value
    probe = sql_probe(
        "casts",
        lambda rows: rows,
        {name: list(question.values)},
        column=identifier(column.name),
        text=text.format(column=identifier(column.name)),
        checks=sql.SQL(" AND ").join([sql.SQL("true"), *allowed]),
        taken=taken.format(**types),
        why=why.format(**types),
        values=sql.Placeholder(name),
    )
    return replace(probe, name=f"casts_{position}")
