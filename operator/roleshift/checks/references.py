"""Checks on references and uniqueness: does every row point somewhere, and is every key there only once?"""

from collections.abc import Iterable

from roleshift.checks.subject import Subject, could_not_read, could_not_tell, depends_on
from roleshift.checks.wording import named, quoted
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
    return passed(
        f"{len(facts.foreign_keys)} foreign keys to and from {subject.table} are validated; "
        f"{len(facts.assignments)} assignment tables have no orphans"
    )


def _wrong(facts: ReferenceFacts) -> Iterable[str]:
    for position, assigned in enumerate(facts.assignments):
        yield from _wrong_assignment(position, assigned)
    for key in facts.foreign_keys:
        if isinstance(key.missing_roles, tuple) and key.missing_roles:
            roles = quoted(key.missing_roles)
            yield (
                f'foreign key "{key.name}": {key.referenced} lacks the new roles {roles}: insert them there, '
                "or change the mapping"
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
        yield (
            f"{assigned.orphans} rows of {assigned.name} ({field}) refer to users that the target does not "
            "have: delete these rows or give them users"
        )


def _unsound(key: ForeignKey) -> str:
    dangling = f"{key.orphans} rows of {key.referring} refer to nothing in {key.referenced}"
    first = "correct or delete these rows, then " if isinstance(key.orphans, int) and key.orphans else ""
    found = f" ({dangling})" if isinstance(key.orphans, int) else " (its rows could not be counted)"
    alter = f"ALTER TABLE {key.referring}"
    if not key.enforced:
        return f'foreign key "{key.name}" is NOT ENFORCED{found}: {first}{alter} ALTER CONSTRAINT … ENFORCED'
    if not key.validated:
        return f'foreign key "{key.name}" is NOT VALID{found}: {first}{alter} VALIDATE CONSTRAINT …'
    return f'triggers of foreign key "{key.name}" are disabled{found}: {first}{alter} ENABLE TRIGGER ALL'


def _failures(facts: ReferenceFacts) -> list[tuple[str, ProbeFailure]]:
    asked = [(one.name, one.orphans) for one in facts.assignments]
    asked += [(key.referring, key.orphans) for key in facts.foreign_keys]
    found = [(table, answer) for table, answer in asked if isinstance(answer, ProbeFailure)]
    lookups = [(key.referenced, key.missing_roles) for key in facts.foreign_keys]
    return found + [(table, answer) for table, answer in lookups if isinstance(answer, ProbeFailure)]


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
    doubled = [index for index in indexes if isinstance(index.duplicates, int) and index.duplicates]
    if doubled:
        return failed(named([_doubled(index) for index in doubled], "; "), Reason.CHECKS_FAILED)
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


def _doubled(index: UnwatchedIndex) -> str:
    columns = ", ".join(index.columns)
    why = (
        "is unique in each partition only" if index.per_partition else f'has the invalid index "{index.name}"'
    )
    then = "" if index.per_partition else f', then REINDEX INDEX "{index.name}"'
    return (
        f"{index.table} ({columns}) {why}, and {index.duplicates} rows too many are there (rows "
        f"{named(index.examples)}): remove or correct them{then}"
    )


def _no_duplicates(subject: Subject, indexes: tuple[UnwatchedIndex, ...]) -> str:
    if indexes:
        return f"no duplicates in {subject.table}, also where only partitions are unique for themselves"
    return f"every unique index of {subject.table} is valid"
