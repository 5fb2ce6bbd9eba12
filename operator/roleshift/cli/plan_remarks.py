"""What a reviewer of a plan should look at: remarks that follow from manifest, facts and plan. Pure."""

from collections.abc import Iterator, Sequence

from roleshift.api import ApprovalPolicy, UnmappedRoles
from roleshift.api.safety import CheckResult
from roleshift.checks.subject import Subject
from roleshift.checks.wording import named, quoted
from roleshift.cli.formats import count
from roleshift.engine.checks import Finding
from roleshift.engine.facts.dependencies import DependencyFacts, Dependent, RowSecurityFacts
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.mapping import Cell, MappingProof, escalations
from roleshift.engine.plan import AddEnumValue, Plan


def remarks(subject: Subject, plan: Plan | None, findings: Sequence[Finding]) -> Iterator[str]:
    """Each one sentence, gravest first."""
    if plan is not None:
        yield from _approval(subject, plan)
    if subject.proof is not None:
        yield from _roles(subject, subject.proof)
    yield from _what_names_roles(subject)
    if plan is not None:
        yield from _beside_the_rows(subject, plan)
    yield from _waived(subject, findings)


def _approval(subject: Subject, plan: Plan) -> Iterator[str]:
    approval = subject.spec.approval
    if approval.policy is not ApprovalPolicy.MANUAL:
        return
    if approval.plan_hash is None:
        yield f"approval is Manual; what approves this plan is spec.approval.planHash: {plan.hash}"
    elif approval.plan_hash == plan.hash:
        yield "spec.approval.planHash approves this plan"
    else:
        yield f"spec.approval.planHash is {approval.plan_hash}, which approves another plan than this one"


def _roles(subject: Subject, proof: MappingProof) -> Iterator[str]:
    yield from _stronger(subject, proof)
    if not proof.cells:
        yield "no row will change: nobody holds a role that spec.mappings names"
    elif proof.unused:
        yield f"nobody holds {quoted(proof.unused)}, which spec.mappings names: is it spelled rightly?"
    if proof.unmapped and subject.spec.unmapped_roles is UnmappedRoles.KEEP:
        yield f"no mapping names {quoted(sorted(proof.unmapped))}: is it right that these stay?"


def _stronger(subject: Subject, proof: MappingProof) -> Iterator[str]:
    """One remark for each role that people come to hold who were weaker."""
    by_target: dict[str, list[Cell]] = {}
    for cell in escalations(proof.cells, subject.spec.privileges.order):
        by_target.setdefault(cell.to_role, []).append(cell)
    for to, cells in by_target.items():
        rows = count(sum(cell.rows for cell in cells), "row")
        yield f'{rows} get a stronger role, "{to}": from {quoted([cell.from_role for cell in cells])}'


def _what_names_roles(subject: Subject) -> Iterator[str]:
    facts, security = subject.facts.dependencies, subject.facts.row_security
    if subject.target is None:
        return
    policies = security.policies if isinstance(security, RowSecurityFacts) else security
    for what, found in (
        ("functions, views and defaults", facts.dependents if isinstance(facts, DependencyFacts) else facts),
        ("policies", policies),
    ):
        if isinstance(found, ProbeFailure):
            yield f"whether {what} name roles that go away could not be seen: {found.message}"
    for one in naming(subject):
        yield f"{one.kind} {one.name} names {quoted(one.roles)} and has to change with it, see below"


def naming(subject: Subject) -> list[Dependent]:
    """Everything that names a role which goes away, as far as it could be seen."""
    facts, security = subject.facts.dependencies, subject.facts.row_security
    others = facts.dependents if isinstance(facts, DependencyFacts) else ()
    policies = security.policies if isinstance(security, RowSecurityFacts) else ()
    found = [*others, *(() if isinstance(policies, ProbeFailure) else policies)]
    return [one for one in found if one.roles]


def _beside_the_rows(subject: Subject, plan: Plan) -> Iterator[str]:
    added = [change.what for change in plan.schema_changes]
    if added:
        yield f"added first, and kept after a failure or a rollback: {named(added)}"
    yield from _with_the_type(subject, plan)
    if plan.shape.triggers:
        yield f"triggers of the table: {named(plan.shape.triggers)}"


def _with_the_type(subject: Subject, plan: Plan) -> Iterator[str]:
    """Whoever has the enum too gets its new values with it."""
    others = subject.target.role_type.enum_used_by if subject.target else ()
    if others and any(isinstance(change, AddEnumValue) for change in plan.schema_changes):
        yield f"the type that gets new values is used elsewhere too, by {named(others)}: do these allow them?"


def _waived(subject: Subject, findings: Sequence[Finding]) -> Iterator[str]:
    waived = {one.name for one in findings if one.result is CheckResult.WAIVED}
    for one in subject.spec.checks.waivers:
        if one.check in waived:
            yield f"{one.check} is waived until {one.expires:%Y-%m-%d %H:%M} UTC: {one.reason}"
