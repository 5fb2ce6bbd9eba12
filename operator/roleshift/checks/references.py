"""Checks on references and uniqueness: does every row point somewhere, and is every key there only once?"""

from collections.abc import Iterable

from roleshift.checks.subject import Subject, could_not_read, could_not_tell, depends_on
from roleshift.checks.wording import as_sql, counted, named, quoted
from roleshift.engine.checks import Judgement, failed, passed, unknown, warning
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.references import (
    AssignedTable,
    AssignmentProblem,
    ForeignKey,
    ReferenceFacts,
    UnwatchedIndex,
)
from roleshift.errors import Reason

_UNDEFINED_FUNCTION = "42883"


def foreign_keys(subject: Subject) -> Judgement:
    """Every foreign key to and from the target holds, holds for the new roles, and nobody lacks a user.

    Fails on a key that the server does not vouch for (NOT VALID, NOT ENFORCED, triggers disabled), even
    where no row dangles now: what dangles after the run could not be told from what the run did.
    """
    facts = subject.facts.references
    if subject.target is None:
        return depends_on("UserProfiles")
    if isinstance(facts, ProbeFailure):
        return could_not_tell(facts)
    wrong = list(_wrong(facts))
    if wrong:
        return failed(named(wrong, "; "))
    unclear = _failures(facts)
    if unclear:
        return _unclear(subject, unclear)
    if any(one.orphans is None for one in facts.assignments):
        return depends_on("UserProfiles")
    return passed(_all_sound(subject, facts))


def _all_sound(subject: Subject, facts: ReferenceFacts) -> str:
    keys, tables = len(facts.foreign_keys), len(facts.assignments)
    first = (
        f"{counted(keys, 'foreign key', 'foreign keys')} to and from {subject.table}, validated"
        if keys
        else f"no foreign key refers to {subject.table} or from it"
    )
    second = (
        f"no orphans in {counted(tables, 'table', 'tables')} of spec.target.assignments"
        if tables
        else "spec.target.assignments names no table"
    )
    return f"{first}; {second}"


def _wrong(facts: ReferenceFacts) -> Iterable[str]:
    for position, assigned in enumerate(facts.assignments):
        yield from _wrong_assignment(position, assigned)
    for key in facts.foreign_keys:
        if isinstance(key.missing_roles, tuple) and key.missing_roles:
            roles = quoted(key.missing_roles)
            yield (
                f'foreign key "{key.name}": {key.referenced} lacks the new roles {roles}: insert them there, '
                "or change spec.mappings"
            )
        if isinstance(key.left_behind, int) and key.left_behind:
            rows = counted(key.left_behind, "row", "rows")
            yield (
                f"{rows} of {key.referring} would not follow the new roles: foreign key "
                f'"{key.name}" refers to the role without ON UPDATE CASCADE; make it anew with that, or let '
                "it refer to the key alone"
            )
        if not key.is_sound:
            yield _unsound(key)


def _wrong_assignment(position: int, assigned: AssignedTable) -> Iterable[str]:
    field = f"spec.target.assignments[{position}]"
    if assigned.problem is AssignmentProblem.NO_TABLE:
        yield (
            f"{field}.table: there is no table {assigned.name}, or the run's role may not see its schema: "
            "correct the name, or remove the entry"
        )
    elif assigned.problem is not None:
        yield (
            f"{field}.{assigned.problem}: {assigned.name} has no such column (its columns: "
            f"{quoted(assigned.columns)}): correct the name"
        )
    elif isinstance(assigned.orphans, ProbeFailure) and assigned.orphans.sqlstate == _UNDEFINED_FUNCTION:
        yield (
            f"{field}.userColumn: its type can't be compared with that of spec.target.userColumn "
            f"({assigned.orphans.message.partition(' (SQLSTATE')[0]}): name columns of the same type"
        )
    elif isinstance(assigned.orphans, int) and assigned.orphans:
        rows = counted(assigned.orphans, "row", "rows")
        refer = "refers to a user" if assigned.orphans == 1 else "refer to users"
        yield (
            f"{rows} of {assigned.name} ({field}) {refer} that the target does not have: delete these rows "
            "or give them users"
        )


def _unsound(key: ForeignKey) -> str:
    verb = "refers" if key.orphans == 1 else "refer"
    dangling = (
        f"{counted(key.orphans, 'row', 'rows')} of {key.referring} {verb} to nothing in {key.referenced}"
        if isinstance(key.orphans, int)
        else "its rows could not be counted"
    )
    first = "correct or delete these rows, then " if isinstance(key.orphans, int) and key.orphans else ""
    found = f" ({dangling})"
    alter = f"ALTER TABLE {as_sql(key.referring)}"
    if not key.enforced:
        return f'foreign key "{key.name}" is NOT ENFORCED{found}: {first}{alter} ALTER CONSTRAINT … ENFORCED'
    if not key.validated:
        return f'foreign key "{key.name}" is NOT VALID{found}: {first}{alter} VALIDATE CONSTRAINT …'
    return f'triggers of foreign key "{key.name}" are disabled{found}: {first}{alter} ENABLE TRIGGER ALL'


def _failures(facts: ReferenceFacts) -> list[tuple[str, ProbeFailure]]:
    asked = [(one.name, one.orphans) for one in facts.assignments]
    asked += [(key.referring, key.orphans) for key in facts.foreign_keys]
    found = [(table, answer) for table, answer in asked if isinstance(answer, ProbeFailure)]
    for key in facts.foreign_keys:
        others = ((key.referenced, key.missing_roles), (key.referring, key.left_behind))
        found += [(table, answer) for table, answer in others if isinstance(answer, ProbeFailure)]
    return found


def _unclear(subject: Subject, failures: list[tuple[str, ProbeFailure]]) -> Judgement:
    table, failure = failures[0]
    judged = could_not_read(subject, failure)
    return unknown(f"{table}: {judged.message}", failure.reason)


def duplicates(subject: Subject) -> Judgement:
    """No two rows are equal where no valid unique index keeps them apart.

    Rows are counted only under an index that is invalid, and where each partition has a unique
    index that the whole table lacks. An invalid index is a warning even without duplicates.
    """
    indexes = subject.facts.unwatched
    if subject.target is None:
        return depends_on("UserProfiles")
    if isinstance(indexes, ProbeFailure):
        return could_not_tell(indexes)
    doubled = [
        _doubled(index, index.duplicates)
        for index in indexes
        if isinstance(index.duplicates, int) and index.duplicates
    ]
    if doubled:
        return failed(named(doubled, "; "), Reason.CHECKS_FAILED)
    unclear = [index.duplicates for index in indexes if isinstance(index.duplicates, ProbeFailure)]
    if unclear:
        return could_not_read(subject, unclear[0])
    invalid = [index.name for index in indexes if not index.per_partition]
    if invalid:
        return warning(
            f"unique index {quoted(invalid)} is invalid and keeps nothing unique; no duplicates now: "
            "REINDEX INDEX CONCURRENTLY or DROP INDEX it"
        )
    return passed(_no_duplicates(subject, indexes))


def _doubled(index: UnwatchedIndex, too_many: int) -> str:
    columns = ", ".join(index.columns)
    why = (
        "is unique in each partition only" if index.per_partition else f'has the invalid index "{index.name}"'
    )
    then = "" if index.per_partition else f', then REINDEX INDEX "{index.name}"'
    rows = counted(too_many, "row too many is", "rows too many are")
    return (
        f"{index.table} ({columns}) {why}, and {rows} there (rows {named(index.examples)}): remove or "
        f"correct them{then}"
    )


def _no_duplicates(subject: Subject, indexes: tuple[UnwatchedIndex, ...]) -> str:
    if indexes:
        return f"no duplicates in {subject.table}, also where only partitions are unique for themselves"
    return f"every unique index of {subject.table} is valid"
