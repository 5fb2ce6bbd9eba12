"""What refers to the target and what it refers to, and values that should be unique and are not watched."""

from dataclasses import dataclass
from enum import StrEnum

from roleshift.engine.facts.failure import ProbeFailure


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key to or from the target, or one of its partitions.

    Attributes:
        referring, referenced: `schema.table`.
        validated: the server has looked at every row that was there before the key.
        enforced: declared as ENFORCED, as all keys are before version 18.
        watched: its triggers are enabled, so that the server looks at every new row.
        to_target: it refers to the target.
        orphans: rows that refer to nothing; None where the server itself vouches that there are none.
        missing_roles: new roles that the referenced table lacks; None where it doesn't hold the role.
        left_behind: rows of others that refer to the role itself and would not follow it (no ON UPDATE
            CASCADE); None where nothing refers to it, or all of them follow.
    """

    name: str
    referring: str
    referenced: str
    validated: bool
    enforced: bool
    watched: bool
    orphans: int | ProbeFailure | None = None
    missing_roles: tuple[str, ...] | ProbeFailure | None = None
    left_behind: int | ProbeFailure | None = None
    to_target: bool = False

    @property
    def is_sound(self) -> bool:
        """Whether the server vouches for every row."""
        return self.validated and self.enforced and self.watched


class AssignmentProblem(StrEnum):
    """What of an entry of spec.target.assignments the database does not have."""

    NO_TABLE = "table"
    NO_USER_COLUMN = "userColumn"
    NO_ROLE_COLUMN = "roleColumn"


@dataclass(frozen=True, slots=True)
class AssignedTable:
    """One entry of spec.target.assignments, as the database has it.

    Attributes:
        name: `schema.table`.
        columns: those that the table has.
        problem: None where table and columns are there.
        orphans: rows whose user the target does not have; None where it could not be asked,
            because of the problem or because the target's user column is not known.
    """

    name: str
    columns: tuple[str, ...]
    problem: AssignmentProblem | None
    orphans: int | ProbeFailure | None = None


@dataclass(frozen=True, slots=True)
class ReferenceFacts:
    """Every foreign key to and from the target, and the tables that the manifest says refer to users."""

    foreign_keys: tuple[ForeignKey, ...]
    assignments: tuple[AssignedTable, ...]


@dataclass(frozen=True, slots=True)
class UnwatchedIndex:
    """Values that should be unique and that no valid index keeps so.

    Attributes:
        name: of the invalid index, or of one of those that the partitions have each for themselves.
        table: `schema.table` that was counted.
        columns: columns or expressions, as the catalog writes them.
        per_partition: every partition has a valid index of its own, and the whole table has none.
        duplicates: rows too many.
        examples: keys of two rows that are equal, for at most five values.
    """

    name: str
    table: str
    columns: tuple[str, ...]
    per_partition: bool
    duplicates: int | ProbeFailure
    examples: tuple[str, ...] = ()
