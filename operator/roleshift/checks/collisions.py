"""Rows that a unique constraint keeps apart and a mapping brings together: a part of RoleConsistency."""

from collections.abc import Sequence

from roleshift.api import OnDuplicate
from roleshift.checks.subject import Subject, could_not_read
from roleshift.checks.wording import counted, named
from roleshift.engine.checks import Judgement, failed
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.table import CollisionFacts
from roleshift.engine.keys import is_plain, role_constraints, role_indexes
from roleshift.engine.mapping import MappingProof
from roleshift.engine.order import writing_order
from roleshift.engine.target import UniqueIndex
from roleshift.errors import Reason


def under_unique_index(subject: Subject, _: MappingProof) -> Judgement | None:
    """Why the mapping can't be written under the table's unique indexes; None where it can."""
    assert subject.target is not None
    indexes = role_indexes(subject.target, subject.names.role)
    if not indexes:
        return None
    collisions = subject.facts.collisions
    if isinstance(collisions, ProbeFailure):
        return could_not_read(subject, collisions)
    if collisions.rows and subject.spec.target.on_duplicate is OnDuplicate.FAIL:
        return failed(
            f"{counted(collisions.rows, 'row', 'rows')} would share a unique value with another row once the "
            f"roles are mapped ({'; '.join(collisions.examples)}): remove one row of each pair first, or set "
            "spec.target.onDuplicate: Merge to have it removed",
            Reason.ROLE_COLLISION,
        )
    return (
        _unmergeable(subject, collisions) or _unparkable(subject, indexes) or _removing(subject, collisions)
    )


def _unmergeable(subject: Subject, collisions: CollisionFacts) -> Judgement | None:
    """Merge has to know which of two rows stays, and rows that are equal in two ways have no such order."""
    assert subject.target is not None
    known = role_constraints(subject.target, subject.names.role)
    if not collisions.rows or (not collisions.beyond and len(known) == 1):
        return None
    what = (
        "a unique index with expressions or a WHERE"
        if collisions.beyond
        else "several unique constraints with different columns beside the role"
    )
    return failed(
        f"{counted(collisions.rows, 'row', 'rows')} would share a unique value under {what} "
        f"({'; '.join(collisions.examples)}), which spec.target.onDuplicate: Merge does not work under: "
        "remove one row of each pair first",
        Reason.ROLE_COLLISION,
    )


def _unparkable(subject: Subject, indexes: Sequence[UniqueIndex]) -> Judgement | None:
    """Rows that wait for each other in a circle are found by constraints on columns alone."""
    parking = writing_order({m.from_role: m.to_role for m in subject.spec.mappings}).parking
    if not parking or all(is_plain(index) for index in indexes):
        return None
    return failed(
        f"spec.mappings goes round in a circle by {named(sorted(parking))}, and a unique index with "
        "expressions or a WHERE holds the role: migrate in two runs, by a role that nobody holds",
        Reason.MAPPING_CHAIN,
    )


def _removing(subject: Subject, collisions: CollisionFacts) -> Judgement | None:
    """A row that is taken out takes with it what refers to it."""
    references = subject.facts.references
    if not collisions.taken_out:
        return None
    if isinstance(references, ProbeFailure):
        return could_not_read(subject, references)
    keys = [key for key in references.foreign_keys if key.to_target and key.enforced]
    if not keys:
        return None
    by = named([f'"{key.name}" of {key.referring}' for key in keys])
    return failed(
        f"{counted(collisions.taken_out, 'row has', 'rows have')} to be taken out of {subject.table}, for "
        f"good or to be put back, and foreign key {by} refers to it: what refers to such a row would be "
        "lost, or refuse it; migrate in two runs, by a role that nobody holds, or merge by hand",
        Reason.ROLE_COLLISION,
    )
