"""One look at a database: everything that its probes measured."""

from dataclasses import dataclass

from roleshift.engine.facts.activity import LockFacts
from roleshift.engine.facts.backup import PermissionFacts
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.server import ServerFacts
from roleshift.engine.facts.surroundings import Surroundings
from roleshift.engine.facts.table import MissingTarget, OtherRelation, RoleFacts
from roleshift.engine.target import Refusal, TargetFacts
from roleshift.errors import Reason

NOT_REACHED = ProbeFailure(Reason.CHECKS_FAILED, "the table was not found")
"""Stands for facts that only a table has, where there is none."""


@dataclass(frozen=True, slots=True)
class Facts:
    """One look at the database, from which every check is judged.

    Attributes:
        collisions: rows that would share a unique value once their roles are mapped.
        refused: values that the columns would refuse.
        surroundings: None until they are laid beside what the session told.
    """

    server: ServerFacts | ProbeFailure
    target: TargetFacts | MissingTarget | OtherRelation | ProbeFailure
    roles: RoleFacts | ProbeFailure = NOT_REACHED
    collisions: int | ProbeFailure = NOT_REACHED
    locks: LockFacts | ProbeFailure = NOT_REACHED
    permissions: PermissionFacts | ProbeFailure = NOT_REACHED
    refused: tuple[Refusal, ...] | ProbeFailure = NOT_REACHED
    surroundings: Surroundings | None = None
