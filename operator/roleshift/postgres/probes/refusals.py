"""The probe for values that the columns would refuse: the server is asked to take each one."""

from collections.abc import Sequence

from psycopg import sql

from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.table import RoleFacts
from roleshift.engine.target import Column, Refusal, TargetFacts, ValueCheck
from roleshift.postgres.probes.batch import Probe, Rows, ask_one
from roleshift.postgres.probes.wanted import Wanted
from roleshift.postgres.session import Session
from roleshift.postgres.statements import identifier, trusted

_SECONDS = 10.0
_CASTS = sql.SQL(
    "SELECT v AS value, (v::{type})::text = v AS fits, {checks} AS allowed"
    " FROM (SELECT v, v::{type} AS {column} FROM unnest(%(values)s::text[]) AS v) AS t"
)


async def refused_values(
    session: Session, wanted: Wanted, target: TargetFacts, roles: RoleFacts | ProbeFailure
) -> tuple[Refusal, ...] | ProbeFailure:
    """New roles, seniorities, and old roles that rows really hold: which of them has no place."""
    if isinstance(roles, ProbeFailure):
        return roles
    held = [role for role in wanted.from_roles if role in roles.rows]
    found: list[Refusal] = []
    for name, values in (
        (wanted.role_column, _labels_that_are_there(target, wanted.to_roles)),
        (wanted.seniority_column, wanted.seniorities),
        (wanted.previous_role_column, held),
    ):
        column = target.column(name) if name else None
        if column is not None and values:
            found += await _refused(session, target, column, values)
    return tuple(found)


def _labels_that_are_there(target: TargetFacts, roles: Sequence[str]) -> list[str]:
    """What an enum lacks is found without asking, and can't be asked about."""
    enum = target.role_type
    return [role for role in roles if not enum.enum_type or role in enum.enum_labels]


async def _refused(
    session: Session, target: TargetFacts, column: Column, values: Sequence[str]
) -> list[Refusal]:
    """Values that the column would refuse; asked all at once, one by one only if that fails."""
    checks = [check for check in target.value_checks if check.column == column.name]
    answer = await ask_one(session, _casts(column, checks, values), _SECONDS)
    if isinstance(answer, ProbeFailure):
        if len(values) == 1:
            return [Refusal(column.name, values[0], answer.message)]
        parts = [await _refused(session, target, column, [value]) for value in values]
        return [refusal for part in parts for refusal in part]
    too_long = f"does not fit {column.type_name}"
    forbidden = f"refused by constraint {', '.join(check.name for check in checks)}"
    return [
        Refusal(column.name, row["value"], forbidden if row["fits"] else too_long)
        for row in answer
        if not (row["fits"] and row["allowed"])
    ]


def _casts(column: Column, checks: Sequence[ValueCheck], values: Sequence[str]) -> Probe[Rows]:
    allowed = [sql.SQL("({}) IS NOT FALSE").format(trusted(check.expression)) for check in checks]
    query = _CASTS.format(
        type=trusted(column.type_name),
        column=identifier(column.name),
        checks=sql.SQL(" AND ").join([sql.SQL("true"), *allowed]),
    )
    return Probe("casts", query, lambda rows: rows, {"values": list(values)})
