"""What fires when the target is written, what hides its rows, and what was built upon its roles."""

from dataclasses import dataclass
from enum import StrEnum

from roleshift.engine.facts.failure import ProbeFailure


@dataclass(frozen=True, slots=True)
class Trigger:
    """A user's trigger that an UPDATE of the written columns fires.

    Attributes:
        before_row: BEFORE … FOR EACH ROW, so that its function decides what is written.
        description: for instance `BEFORE UPDATE trigger "x" on public.users`.
        source: the text of its function, "" where it was too long to be read.
    """

    name: str
    table: str
    description: str
    before_row: bool
    function: str
    language: str
    source: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule on the target that an UPDATE meets.

    Attributes:
        instead: it replaces the UPDATE, always or for some rows.
    """

    name: str
    table: str
    instead: bool


class DependentKind(StrEnum):
    """What was built upon the role column or names a role."""

    POLICY = "policy"
    VIEW = "view"
    MATERIALIZED_VIEW = "materialized view"
    FUNCTION = "function"
    ROLE_DEFAULT = "default of the role column"
    DEFAULT = "default"
    GENERATED_COLUMN = "generated column"
    INDEX = "index"
    TRIGGER = "trigger"


@dataclass(frozen=True, slots=True)
class Dependent:
    """An object that is computed from the role column, or whose definition names a role that goes away.

    Attributes:
        definition: as the catalog has it, with its line breaks; cut after 2,000 characters.
        roles: roles that go away and that it names; () where it only reads the column.
    """

    kind: DependentKind
    name: str
    definition: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DependencyFacts:
    """Triggers and rules of the target, and what depends on its roles, but for policies."""

    triggers: tuple[Trigger, ...]
    rules: tuple[Rule, ...]
    dependents: tuple[Dependent, ...]


@dataclass(frozen=True, slots=True)
class RowSecurityFacts:
    """Row-level security of the target, as it meets the run's role.

    Attributes:
        hides_rows: policies apply to the run's role; with row_security off its queries fail.
        forced: they apply to the table's owner too.
        owner: the run's role is the owner, or a member of it.
        policies: policies of any table whose definitions name a role that goes away.
    """

    hides_rows: bool
    enabled: bool
    forced: bool
    owner: bool
    policies: tuple[Dependent, ...] | ProbeFailure = ()
