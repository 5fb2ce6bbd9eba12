"""What a check judges: the manifest and one look at the database. Checks see nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from roleshift.api import RoleMigrationSpec
from roleshift.engine.checks import Judgement, unknown
from roleshift.engine.facts.dependencies import RowSecurityFacts
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.look import Facts
from roleshift.engine.facts.table import RoleFacts
from roleshift.engine.keys import Key, KeyProblem, resolve_key
from roleshift.engine.mapping import Demand, MappingProof, demands, prove_mapping
from roleshift.engine.scope import ScopeProblem, resolve_scope
from roleshift.engine.shape import ColumnNames
from roleshift.engine.target import TargetFacts

INSUFFICIENT_PRIVILEGE = "42501"

Fact = TypeVar("Fact")


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
        return ColumnNames.of(self.spec.target)

    @cached_property
    def key(self) -> Key | KeyProblem | None:
        """The key of the target, or why it has none; None without a target."""
        if self.target is None:
            return None
        target = self.spec.target
        return resolve_key(self.target, target.key_columns, target.user_column, self.names.role)

    @cached_property
    def proof(self) -> MappingProof | None:
        """The mapping applied to the roles that were counted; None where they could not be."""
        if not isinstance(self.facts.roles, RoleFacts):
            return None
        return prove_mapping(self.spec.mappings, self.facts.roles, self.merged)

    @property
    def merged(self) -> Mapping[str, int]:
        """New role → rows that Merge removes."""
        collisions = self.facts.collisions
        return {} if isinstance(collisions, ProbeFailure) else collisions.merged

    @property
    def demanded(self) -> tuple[Demand, ...]:
        """Who must hold which role afterwards, by keepAtLeast."""
        before = self.proof.before if self.proof and self.spec.target.scope is not None else None
        return demands(self.spec.privileges.keep_at_least, before)

    @cached_property
    def scope_problem(self) -> str:
        """Why the target can't be asked for the scope; "" where it can."""
        if self.target is None:
            return ""
        try:
            resolve_scope(self.target, self.spec.target.scope, self.spec.target.columns.written())
        except ScopeProblem as problem:
            return str(problem)
        return ""

    @property
    def to_roles(self) -> tuple[str, ...]:
        """Targets of the mapping, each once, in its order."""
        return tuple(dict.fromkeys(mapping.to_role for mapping in self.spec.mappings))

    @property
    def run_role(self) -> str:
        """The role that the run connects as, quoted for a GRANT."""
        server = self.facts.server
        return "the run's role" if isinstance(server, ProbeFailure) else f'"{server.user}"'

    @property
    def table(self) -> str:
        """`schema.table` as the manifest names it."""
        return f"{self.spec.target.schema_name}.{self.spec.target.table}"


def with_rows(subject: Subject, facts: Fact | ProbeFailure) -> tuple[Fact, MappingProof] | Judgement:
    """Facts and the rows that will change, for a check that needs both; else why it can't be judged."""
    if subject.target is None:
        return depends_on("UserProfiles")
    if isinstance(facts, ProbeFailure):
        return could_not_tell(facts)
    if isinstance(subject.facts.roles, ProbeFailure):
        return could_not_read(subject, subject.facts.roles)
    if subject.proof is None:
        return depends_on("UserProfiles")
    return facts, subject.proof


def could_not_tell(failure: ProbeFailure) -> Judgement:
    """A probe that failed is Unknown, never Passed."""
    return unknown(f"could not be checked: {failure.message}", failure.reason)


def could_not_read(subject: Subject, failure: ProbeFailure) -> Judgement:
    """Rows of the target could not be read: the policy that hides them is named where that is why."""
    security = subject.facts.row_security
    hidden = isinstance(security, RowSecurityFacts) and security.hides_rows
    if hidden and failure.sqlstate == INSUFFICIENT_PRIVILEGE:
        return unknown(
            "can't be judged until RowLevelSecurity passes: row-level security hides rows of "
            f"{subject.table}",
            failure.reason,
        )
    return could_not_tell(failure)


def depends_on(other: str) -> Judgement:
    """A check that can't be judged until another one passes."""
    return unknown(f"can't be judged until {other} passes")
