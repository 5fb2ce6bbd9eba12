"""What a check judges: the manifest and one look at the database. Checks see nothing else."""

from dataclasses import dataclass
from functools import cached_property

from roleshift.api import RoleMigrationSpec
from roleshift.engine.checks import Judgement, unknown
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.look import Facts
from roleshift.engine.facts.table import RoleFacts
from roleshift.engine.keys import Key, KeyProblem, resolve_key
from roleshift.engine.mapping import MappingProof, prove_mapping
from roleshift.engine.plan import ColumnNames
from roleshift.engine.target import TargetFacts


@dataclass(frozen=True)
class Subject:
    """The manifest and the facts, with what follows from both."""

    spec: RoleMigrationSpec
    facts: Facts

    @property
    def target(self) -> TargetFacts | None:
        """The target where it is a table that can be migrated."""
        return self.facts.target if isinstance(self.facts.target, TargetFacts) else None

    @property
    def names(self) -> ColumnNames:
        """Names of the columns that are written."""
        columns = self.spec.target.columns
        return ColumnNames(columns.role, columns.previous_role, columns.seniority, columns.migrated_at)

    @cached_property
    def key(self) -> Key | KeyProblem | None:
        """The key of the target, or why it has none; None without a target."""
        if self.target is None:
            return None
        return resolve_key(self.target, self.spec.target.key_columns, self.spec.target.user_column)

    @cached_property
    def proof(self) -> MappingProof | None:
        """The mapping applied to the roles that were counted; None where they could not be."""
        if not isinstance(self.facts.roles, RoleFacts):
            return None
        return prove_mapping(self.spec.mappings, self.facts.roles)

    @property
    def to_roles(self) -> tuple[str, ...]:
        """Targets of the mapping, each once, in its order."""
        return tuple(dict.fromkeys(mapping.to_role for mapping in self.spec.mappings))

    @property
    def table(self) -> str:
        """`schema.table` as the manifest names it."""
        return f"{self.spec.target.schema_name}.{self.spec.target.table}"


def could_not_tell(failure: ProbeFailure) -> Judgement:
    """A probe that failed is Unknown, never Passed."""
    return unknown(f"could not be checked: {failure.message}", failure.reason)


def depends_on(other: str) -> Judgement:
    """A check that can't be judged until another one passes."""
    return unknown(f"can't be judged until {other} passes")
