"""UserProfiles: is the target a table with a key, and can its rows be counted?"""

from roleshift.checks.subject import Subject, could_not_read, could_not_tell
from roleshift.checks.wording import all_quoted, counted, named
from roleshift.engine.checks import Judgement, failed, passed
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.table import MissingTarget, OtherRelation
from roleshift.engine.keys import KeyProblem
from roleshift.engine.target import TargetFacts
from roleshift.errors import Reason

_DATA_EXCEPTION = "22"
"""SQLSTATE class of values that a type refuses."""
_UNDEFINED_FUNCTION = "42883"
"""Of a comparison that a type does not have."""


def user_profiles(subject: Subject) -> Judgement:
    """The target is an ordinary or partitioned table with a usable key."""
    target, roles = subject.facts.target, subject.facts.roles
    if isinstance(target, ProbeFailure):
        return could_not_tell(target)
    if isinstance(target, MissingTarget):
        return _missing(target)
    if isinstance(target, OtherRelation):
        return failed(
            f"{subject.table} is a {target.kind}, not a table: name the table that it reads from in "
            "spec.target.table",
            Reason.NOT_A_TABLE,
        )
    problem = _of_key(subject, target)
    if problem is not None:
        return problem
    if target.column(subject.names.role) is None:
        return _no_role_column(subject)
    if subject.scope_problem:
        return failed(subject.scope_problem, Reason.INVALID_SCOPE)
    if isinstance(roles, ProbeFailure):
        return _roles_not_read(subject, roles)
    rows = counted(roles.total, "row", "rows")
    return passed(f"{subject.table}: {rows}, {roles.null_rows} of them with a NULL role")


def _roles_not_read(subject: Subject, failure: ProbeFailure) -> Judgement:
    """Values of a scope are the only values of the manifest that the rows are asked about."""
    incomparable = failure.sqlstate == _UNDEFINED_FUNCTION or failure.sqlstate.startswith(_DATA_EXCEPTION)
    if subject.spec.target.scope is not None and incomparable:
        what, _, _ = failure.message.partition(" (SQLSTATE")
        return failed(
            f"spec.target.scope asks a column for what it can't have ({what}; it names "
            f"{all_quoted([e.column for e in subject.spec.target.scope.match_expressions])}): correct it",
            Reason.INVALID_SCOPE,
        )
    return could_not_read(subject, failure)


def _of_key(subject: Subject, target: TargetFacts) -> Judgement | None:
    if target.heirs:
        return failed(
            f"{subject.table} has tables that inherit from it ({named(target.heirs)}), and no key holds over "
            "all of them: this version migrates tables without heirs, and partitioned ones",
            Reason.NOT_SUPPORTED,
        )
    if isinstance(subject.key, KeyProblem):
        return failed(subject.key.message, Reason.INVALID_KEY)
    if subject.spec.target.assignments and subject.key is not None and subject.key.user_column is None:
        return failed(
            f"the key of {subject.table} has several columns and spec.target.assignments refer to users: "
            "name the column that holds the user in spec.target.userColumn",
            Reason.INVALID_KEY,
        )
    return None


def _missing(target: MissingTarget) -> Judgement:
    hint = f" (similar: {', '.join(target.similar)})" if target.similar else ""
    return failed(
        f"there is no table {target.schema}.{target.table}, or the run's role may not see its schema{hint}: "
        "correct spec.target.schema and spec.target.table",
        Reason.TABLE_NOT_FOUND,
    )


def _no_role_column(subject: Subject) -> Judgement:
    assert subject.target is not None
    names = ", ".join(column.name for column in subject.target.columns)
    return failed(
        f'{subject.table} has no column "{subject.names.role}" (its columns: {names}): '
        "correct spec.target.columns.role",
        Reason.COLUMN_NOT_FOUND,
    )
