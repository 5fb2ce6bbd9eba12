"""One look at a database for one manifest: facts, findings, gate and plan. Writes nothing that stays."""

from dataclasses import dataclass, replace

from roleshift.api import Mode, RoleMigrationSpec, SchemaChanges
from roleshift.checks.backup import estimate_of
from roleshift.checks.catalogue import judge_all
from roleshift.checks.subject import Subject
from roleshift.checks.wording import counted
from roleshift.engine import mapping
from roleshift.engine.checks import Finding
from roleshift.engine.facts.backup import PermissionFacts, SpaceFacts
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.look import NOT_REACHED, Facts
from roleshift.engine.facts.storage import StorageFacts
from roleshift.engine.facts.surroundings import Surroundings
from roleshift.engine.keys import Key
from roleshift.engine.plan import Cost, Plan, make_plan, resolve_shape, schema_changes
from roleshift.engine.rehearsal import rehearsal_lock
from roleshift.engine.score import Gate, judge_gate
from roleshift.engine.target import TargetFacts
from roleshift.engine.transaction_time import transaction_seconds
from roleshift.engine.waivers import apply_waivers
from roleshift.errors import Reason
from roleshift.postgres import image, permissions, write
from roleshift.postgres import schema_changes as ddl
from roleshift.postgres.probes.condition import beside
from roleshift.postgres.probes.look import look
from roleshift.postgres.probes.wanted import Wanted
from roleshift.postgres.session import Session


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found.

    Attributes:
        plan: None where the checks found no table, key or columns to plan for.
    """

    facts: Facts
    findings: tuple[Finding, ...]
    gate: Gate
    plan: Plan | None


async def examine(
    spec: RoleMigrationSpec,
    immutable: dict[str, object],
    reading: Session,
    trying: Session,
    surroundings: Surroundings,
) -> Examination:
    """Probe, judge and plan.

    Args:
        reading: the session of the probes; its transaction is read-only.
        trying: the session on which rights are really tried and undone.
        surroundings: what is known outside the database.
    """
    wanted = wanted_of(spec)
    facts = replace(await look(reading, wanted), surroundings=surroundings)
    facts = replace(facts, condition=beside(facts.condition, reading.backend, trying.backend))
    plan = plan_for(Subject(spec, facts), immutable)
    facts = replace(facts, permissions=await _permissions(trying, spec, wanted, facts, plan))
    findings = apply_waivers(judge_all(Subject(spec, facts)), spec.checks.waivers, surroundings.now)
    return Examination(facts, findings, judge_gate(findings, spec.checks.minimum_score), plan)


def wanted_of(spec: RoleMigrationSpec) -> Wanted:
    """What the probes need of a manifest."""
    return Wanted(
        schema=spec.target.schema_name,
        table=spec.target.table,
        role_column=spec.target.columns.role,
        from_roles=tuple(m.from_role for m in spec.mappings),
        to_roles=tuple(m.to_role for m in spec.mappings),
        seniority_column=spec.target.columns.seniority,
        seniorities=tuple(dict.fromkeys(m.seniority for m in spec.mappings if m.seniority is not None)),
        previous_role_column=spec.target.columns.previous_role,
        key_columns=None if spec.target.key_columns is None else tuple(spec.target.key_columns),
        user_column=spec.target.user_column,
        assignments=tuple(spec.target.assignments),
        written=spec.target.columns.written(),
        vanishing=mapping.vanishing_roles(spec.mappings),
        scan_seconds=spec.strategy.statement_timeout_seconds,
    )


async def _permissions(
    session: Session, spec: RoleMigrationSpec, wanted: Wanted, facts: Facts, plan: Plan | None
) -> PermissionFacts | ProbeFailure:
    server, target = facts.server, facts.target
    if isinstance(server, ProbeFailure):
        return server
    if server.in_recovery:
        return ProbeFailure(Reason.READ_ONLY, "the server is in recovery (a standby) and can't be written")
    if not isinstance(target, TargetFacts):
        return NOT_REACHED
    trial = permissions.Trial(
        server.user, server.database, target, plan, wanted, tuple(spec.validation.assertions)
    )
    return await permissions.try_permissions(session, trial)


def plan_for(subject: Subject, immutable: dict[str, object]) -> Plan | None:
    """The plan, where table, key, columns and roles are known and usable."""
    target, proof, key = subject.target, subject.proof, subject.key
    if target is None or proof is None or not isinstance(key, Key):
        return None
    changes = (
        schema_changes(target, subject.names, subject.to_roles)
        if subject.spec.schema_changes is SchemaChanges.ADD_MISSING
        else ()
    )
    if not changes and any(_absent(subject, target)):
        return None
    shape = resolve_shape(target, subject.names, key.columns, key.user_column)
    plan = make_plan(
        immutable=immutable,
        waivers=subject.spec.checks.waivers,
        shape=shape,
        proof=proof,
        schema_changes=changes,
        collisions=0 if isinstance(collisions := subject.facts.collisions, ProbeFailure) else collisions.rows,
        escalations=escalations_of(subject, proof),
        cost=_cost(subject, proof),
    )
    from_roles = tuple(one.from_role for one in subject.spec.mappings)
    lock = rehearsal_lock(plan) if subject.spec.mode is Mode.REHEARSE else plan.lock
    return replace(plan, statements=_statements(plan, from_roles), lock=lock)


def _absent(subject: Subject, target: TargetFacts) -> list[str]:
    return [name for name in subject.spec.target.columns.written() if target.column(name) is None]


def _cost(subject: Subject, proof: mapping.MappingProof) -> Cost:
    """The same estimates that DatabaseSize and BackupSpace judge."""
    storage, space = subject.facts.condition.storage, subject.facts.backup.space
    return Cost(
        seconds=transaction_seconds(proof.rows, storage.indexes)
        if isinstance(storage, StorageFacts)
        else None,
        wal_bytes=estimate_of(subject, space).wal if isinstance(space, SpaceFacts) else None,
    )


def escalations_of(subject: Subject, proof: mapping.MappingProof) -> list[str]:
    """Cells that make a role stronger, and what could not be judged; for people."""
    order = subject.spec.privileges.order
    if not order:
        return ["not judged: spec.privileges.order is not set"]
    stronger = [
        f"{c.from_role} → {c.to_role} ({counted(c.rows, 'row', 'rows')})"
        for c in mapping.escalations(proof.cells, order)
    ]
    unranked = mapping.unranked_roles(proof.cells, order)
    if unranked:
        stronger.append(f"not judged for {', '.join(unranked)}: spec.privileges.order does not name them")
    return stronger


def _statements(plan: Plan, from_roles: tuple[str, ...]) -> tuple[str, ...]:
    shape, name = plan.shape, "migration_backup_…"
    changes = [ddl.as_text(ddl.schema_statement(change, shape)) for change in plan.schema_changes]
    writing = (
        image.create_statement(shape, name, from_roles),
        write.lock_statement(shape),
        write.write_statement(shape, name),
    )
    return (*changes, *(ddl.as_text(statement) for statement in writing))
