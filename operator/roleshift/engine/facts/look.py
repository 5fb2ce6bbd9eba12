"""One look at a database: everything that its probes measured."""

from dataclasses import dataclass

from roleshift.engine.facts.activity import NO_ACTIVITY, ActivityFacts, LockFacts
from roleshift.engine.facts.backup import NO_BACKUP, BackupFacts, PermissionFacts
from roleshift.engine.facts.condition import NO_CONDITION, ConditionFacts
from roleshift.engine.facts.dependencies import DependencyFacts, RowSecurityFacts
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.references import ReferenceFacts, UnwatchedIndex
from roleshift.engine.facts.server import ServerFacts
from roleshift.engine.facts.surroundings import Surroundings
from roleshift.engine.facts.table import CollisionFacts, LookupFacts, MissingTarget, OtherRelation, RoleFacts
from roleshift.engine.target import Refusal, TargetFacts
from roleshift.errors import Reason

NOT_REACHED = ProbeFailure(Reason.CHECKS_FAILED, "the table was not found")
"""Stands for facts that only a table has, where there is none."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One look at the database, from which every check is judged.

    Attributes:
        lookup: None where the manifest names no lookup table.
        earlier: images of earlier runs whose rows are not moved again.
        unwatched: values that should be unique and that no valid index keeps so.
        refused: values that the columns would refuse.
        surroundings: None until they are laid beside what the session told.
    """

    server: ServerFacts | ProbeFailure
    target: TargetFacts | MissingTarget | OtherRelation | ProbeFailure
    roles: RoleFacts | ProbeFailure = NOT_REACHED
    collisions: CollisionFacts | ProbeFailure = NOT_REACHED
    references: ReferenceFacts | ProbeFailure = NOT_REACHED
    unwatched: tuple[UnwatchedIndex, ...] | ProbeFailure = NOT_REACHED
    row_security: RowSecurityFacts | ProbeFailure = NOT_REACHED
    dependencies: DependencyFacts | ProbeFailure = NOT_REACHED
    locks: LockFacts | ProbeFailure = NOT_REACHED
    activity: ActivityFacts = NO_ACTIVITY
    condition: ConditionFacts = NO_CONDITION
    backup: BackupFacts = NO_BACKUP
    permissions: PermissionFacts | ProbeFailure = NOT_REACHED
    refused: tuple[Refusal, ...] | ProbeFailure = NOT_REACHED
    lookup: LookupFacts | ProbeFailure | None = None
    earlier: tuple[str, ...] | ProbeFailure = ()
    surroundings: Surroundings | None = None
