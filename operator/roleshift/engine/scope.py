"""Which rows of the target a manifest lets a run touch. Pure."""

from collections.abc import Sequence

from roleshift.api.target import Scope, ScopeExpression
from roleshift.engine.target import Column, ScopeTerm, TargetFacts


class ScopeProblem(ValueError):
    """A scope that the target can't be asked for, and what to do."""


def resolve_scope(facts: TargetFacts, scope: Scope | None, written: Sequence[str]) -> tuple[ScopeTerm, ...]:
    """The conditions of a scope with the target's columns.

    Args:
        written: columns that the run writes; by such a one a row would leave the scope in mid-run.

    Raises:
        ScopeProblem: a column is not there, or is one that the run writes.
    """
    if scope is None:
        return ()
    return tuple(_term(facts, expression, written) for expression in scope.match_expressions)


def _term(facts: TargetFacts, expression: ScopeExpression, written: Sequence[str]) -> ScopeTerm:
    name = expression.column
    if name in written:
        raise ScopeProblem(
            f'spec.target.scope looks at "{name}", which the run itself writes: name a column that stays as '
            "it is"
        )
    return ScopeTerm(_column(facts, name), expression.operator, tuple(expression.values))


def _column(facts: TargetFacts, name: str) -> Column:
    column = facts.column(name)
    if column is None:
        columns = ", ".join(f'"{one.name}"' for one in facts.columns)
        raise ScopeProblem(
            f'spec.target.scope names the column "{name}", which {facts.schema}.{facts.table} does not have '
            f"(its columns: {columns}): correct it"
        )
    return column
