"""What a reviewer needs of a plan, in words, before it takes a form. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from roleshift.api import OnDuplicate
from roleshift.api.safety import CheckResult
from roleshift.checks.subject import Subject
from roleshift.checks.wording import FEW, named, quoted
from roleshift.cli.formats import count
from roleshift.cli.look import Look
from roleshift.cli.plan_remarks import naming, remarks
from roleshift.engine.amounts import amount
from roleshift.engine.checks import Finding
from roleshift.engine.facts.dependencies import Dependent
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.table import RoleFacts
from roleshift.engine.keys import role_indexes
from roleshift.engine.mapping import Cell, MappingProof, escalations, shortfalls, unranked_roles
from roleshift.engine.plan import AddColumn, Plan
from roleshift.postgres.schema_changes import SCHEMA_TIMEOUTS

WHEN_OPEN = "The gate is open. Nothing was written."
_UNKNOWN = "could not be estimated"
_SCHEMA_LOCK = (
    "ACCESS EXCLUSIVE for a moment for each ALTER TABLE, given up after "
    f"{SCHEMA_TIMEOUTS.lock_seconds:g} s of waiting, and tried again"
)


@dataclass(frozen=True)
class PlanReview(Look):
    """A plan beside the manifest that asked for it and the look that it was made from."""

    @property
    def plan(self) -> Plan | None:
        """None where table, key or columns are not as they must be."""
        return self.found.plan

    @cached_property
    def subject(self) -> Subject:
        """What the checks judged."""
        return Subject(self.migration.spec, self.found.facts)

    @property
    def proof(self) -> MappingProof | None:
        """The mapping applied to the rows, also where there is no plan; None where no role was counted."""
        return self.subject.proof

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The matrix as far as it is known."""
        return self.proof.cells if self.proof else ()

    @property
    def rows(self) -> int | None:
        """All rows of the table; None where they could not be counted."""
        roles = self.found.facts.roles
        return roles.total if isinstance(roles, RoleFacts) else None

    @property
    def fallen(self) -> list[Finding]:
        """Every check that did not pass."""
        return [one for one in self.found.findings if one.result is not CheckResult.PASSED]

    @property
    def headline(self) -> str:
        """How many rows change of how many."""
        if self.proof is None or self.rows is None:
            return "The rows could not be counted, see the checks."
        scope = " of the scope" if self.migration.spec.target.scope is not None else ""
        return f"{count(self.proof.rows)} of {count(self.rows, 'row')}{scope} will change."

    @property
    def points(self) -> list[tuple[str, str]]:
        """What is to be known beside the matrix: a few words, and what was found."""
        proof, plan = self.proof, self.plan
        about_roles = [] if proof is None else list(_about_roles(self, proof))
        return about_roles + ([] if plan is None else list(_about_the_run(self, plan)))

    @property
    def stronger(self) -> frozenset[Cell]:
        """Cells of the matrix that give a stronger role."""
        return frozenset(escalations(self.cells, self.migration.spec.privileges.order))

    @property
    def naming(self) -> list[Dependent]:
        """What names a role that goes away, with its definition."""
        return naming(self.subject)

    @property
    def look_at(self) -> list[str]:
        """What a reviewer should look at before agreeing."""
        return list(remarks(self.subject, self.plan, self.found.findings))


def review(look: Look) -> PlanReview:
    """A review of what was found for a manifest."""
    return PlanReview(look.migration, look.found, look.refused)


def _about_roles(made: PlanReview, proof: MappingProof) -> Iterator[tuple[str, str]]:
    yield "Left as they are", _left_alone(proof)
    yield "Collisions", _collisions(made)
    yield "Afterwards", _most_first(proof.after)
    yield "Escalations", "; ".join(_escalations(made, proof)) or "none"
    yield "Kept at least", _kept(made, proof)
    yield "Reversible", _reversible(proof)


def _about_the_run(made: PlanReview, plan: Plan) -> Iterator[tuple[str, str]]:
    strategy = made.migration.spec.strategy
    seconds, wal = plan.estimated_seconds, plan.estimated_wal_bytes
    yield "Strategy", str(strategy.type)
    yield (
        "Time",
        _UNKNOWN if seconds is None else f"about {seconds} s from the lock to the commit, an estimate",
    )
    yield "WAL", _UNKNOWN if wal is None else f"about {amount(wal)} with the before-image, an estimate"
    yield (
        "Lock",
        f"{plan.lock}; given up after {strategy.lock_timeout_seconds} s of waiting for it, and tried again",
    )
    if any(isinstance(change, AddColumn) for change in plan.schema_changes):
        yield "Locks before it", _SCHEMA_LOCK
    yield "Kept waiting", _waiting(made)


def _left_alone(proof: MappingProof) -> str:
    parts = [f"{_by_role(proof.arrived)} in a new role already"] if proof.arrived else []
    parts += [f"{_by_role(proof.unmapped)} that no mapping names"] if proof.unmapped else []
    parts += [f"{count(proof.null_rows, 'row')} without a role"] if proof.null_rows else []
    return "; ".join(parts) or "none"


def _most_first(rows: Mapping[str, int]) -> str:
    """How many rows hold each role, the most frequent first."""
    ordered = sorted(rows.items(), key=lambda held: (-held[1], held[0]))
    return named([f'"{role}" {count(number)}' for role, number in ordered]) or "no row holds a role"


def _by_role(rows: Mapping[str, int]) -> str:
    return named([f'"{role}" ({count(number, "row")})' for role, number in sorted(rows.items())])


def _collisions(made: PlanReview) -> str:
    target, found = made.subject.target, made.found.facts.collisions
    if target is not None and not role_indexes(target, made.subject.names.role):
        return "none: the role stands in no unique index"
    if isinstance(found, ProbeFailure):
        return f"not judged: {found.message}"
    if not found.rows:
        return "none"
    many, examples = count(found.rows, "row"), "; ".join(found.examples)
    if made.migration.spec.target.on_duplicate is OnDuplicate.MERGE and not found.beyond:
        return (
            f"{many} will be removed, because another row of the same user is or becomes the same, for "
            f"example {examples}; the before-image keeps every column of what is removed"
        )
    return f"{many} would share a unique value with another row, for example {examples} (onDuplicate: Fail)"


def _escalations(made: PlanReview, proof: MappingProof) -> Iterator[str]:
    privileges = made.migration.spec.privileges
    if not privileges.order:
        yield "not judged: spec.privileges.order is not set"
        return
    rows = sum(cell.rows for cell in made.stronger)
    if rows:
        allowed = "" if privileges.allow_escalation else "not "
        stronger = f"{count(rows, 'row')} get a stronger role, marked in the matrix"
        yield f"{stronger}; {allowed}allowed by spec.privileges.allowEscalation"
    if unranked := unranked_roles(proof.cells, privileges.order):
        yield f"not judged for {named(unranked)}: spec.privileges.order does not name them"


def _kept(made: PlanReview, proof: MappingProof) -> str:
    demanded = made.subject.demanded
    short = {one.role for one in shortfalls(proof.after, demanded)}
    texts = [
        f'"{one.role}": {count(one.count)} demanded, {count(proof.after.get(one.role, 0))} afterwards'
        + (", too few" if one.role in short else "")
        for one in demanded
    ]
    return "; ".join(texts) or "nothing demanded"


def _reversible(proof: MappingProof) -> str:
    if proof.reversible:
        return "yes, by the mapping alone, and from the before-image"
    by_target: dict[str, list[str]] = {}
    for cell in proof.cells:
        by_target.setdefault(cell.to_role, []).append(cell.from_role)
    reasons = [f'{_together(froms)} become "{to}"' for to, froms in by_target.items() if len(froms) > 1]
    reasons += [f'"{to}" is held already' for to in by_target if to in proof.arrived]
    return f"not by the mapping alone: {named(reasons, '; ')}; a rollback works from the before-image"


def _together(roles: Sequence[str]) -> str:
    return quoted(roles) if len(roles) <= FEW else count(len(roles), "role")


def _waiting(made: PlanReview) -> str:
    users = made.found.facts.activity.users
    if isinstance(users, ProbeFailure):
        return f"who uses the table could not be seen: {users.message}"
    now = named([f"{name or 'without a name'} ({number})" for name, number in sorted(users.items())])
    return f"whoever writes {made.table}; sessions that use it now: {now or 'none'}"
