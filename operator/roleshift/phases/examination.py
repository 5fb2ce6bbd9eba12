"""One look at a database for one manifest: facts, findings, gate and plan. Writes nothing that stays."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from roleshift.api import Mode, RoleMigrationSpec, SchemaChanges, immutable_part
from roleshift.checks.backup import estimate_of
from roleshift.checks.capacity import seconds_of
from roleshift.checks.catalogue import judge_all
from roleshift.checks.subject import Subject
from roleshift.checks.wording import counted
from roleshift.engine import mapping
from roleshift.engine.checks import Finding
from roleshift.engine.cost import Cost
from roleshift.engine.facts.backup import PermissionFacts, SpaceFacts
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.look import NOT_REACHED, Facts
from roleshift.engine.facts.storage import StorageFacts
from roleshift.engine.facts.surroundings import Surroundings
from roleshift.engine.facts.table import LookupFacts
from roleshift.engine.keys import Key
from roleshift.engine.plan import Plan, SchemaChange, make_plan, schema_changes
from roleshift.engine.rehearsal import rehearsal_lock
from roleshift.engine.routes import routes_of
from roleshift.engine.score import Gate, judge_gate
from roleshift.engine.shape import shape_of
from roleshift.engine.target import TargetFacts, TargetShape
from roleshift.engine.waivers import apply_waivers
from roleshift.errors import Reason
from roleshift.postgres import image, permissions, turns, write
from roleshift.postgres import schema_changes as ddl
from roleshift.postgres.moving import Moving
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
    reading: Session,
    trying: Session,
    surroundings: Surroundings,
    carried_out: Sequence[SchemaChange] = (),
) -> Examination:
    """Probe, judge and plan.

    Args:
        reading: the session of the probes; its transaction is read-only.
        trying: the session on which rights are really tried and undone.
        surroundings: what is known outside the database.
        carried_out: schema statements that the run has carried out already.
    """
    wanted = wanted_of(spec)
    facts = replace(await look(reading, wanted), surroundings=surroundings)
    facts = replace(facts, condition=beside(facts.condition, reading.backend, trying.backend))
    plan = plan_for(Subject(spec, facts), carried_out)
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
        asked=spec.target,
        mappings=tuple(spec.mappings),
        strength=tuple(spec.privileges.order),
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


def plan_for(subject: Subject, carried_out: Sequence[SchemaChange] = ()) -> Plan | None:
    """The plan, where table, key, columns and roles are known and usable."""
    target, proof, key = subject.target, subject.proof, subject.key
    if target is None or proof is None or not isinstance(key, Key):
        return None
    changes = (
        schema_changes(target, subject.names, _weakest_first(subject), carried_out)
        if subject.spec.schema_changes is SchemaChanges.ADD_MISSING
        else ()
    )
    if not changes and any(_absent(subject, target)):
        return None
    if subject.scope_problem or isinstance(subject.facts.lookup, ProbeFailure):
        return None
    shape = _shape(subject, target)
    plan = make_plan(
        immutable=immutable_part(subject.spec),
        waivers=subject.spec.checks.waivers,
        shape=shape,
        proof=proof,
        schema_changes=changes,
        collisions=0 if isinstance(collisions := subject.facts.collisions, ProbeFailure) else collisions.rows,
        escalations=escalations_of(subject, proof),
        cost=_cost(subject),
    )
    routes = routes_of(subject.spec.mappings, subject.spec.privileges.order, shape)
    lock = rehearsal_lock(plan) if subject.spec.mode is Mode.REHEARSE else plan.lock
    return replace(plan, statements=_statements(plan, Moving(shape, routes)), lock=lock)


def _shape(subject: Subject, target: TargetFacts) -> TargetShape:
    asked, lookup, earlier = subject.spec.target, subject.facts.lookup, subject.facts.earlier
    stored = wanted_of(subject.spec).stored(lookup) if isinstance(lookup, LookupFacts) else None
    known = () if isinstance(earlier, ProbeFailure) else earlier
    return shape_of(target, asked, subject.spec.mappings, stored, known)


def _weakest_first(subject: Subject) -> list[str]:
    """Target roles in an order that does not depend on how the manifest lists its mappings.

    Enum values are added in it, and keep it for good.
    """
    rank = {role: position for position, role in enumerate(subject.spec.privileges.order)}
    return sorted(subject.to_roles, key=lambda role: (rank.get(role, len(rank)), role))


def _absent(subject: Subject, target: TargetFacts) -> list[str]:
    return [name for name in subject.spec.target.columns.written() if target.column(name) is None]


def _cost(subject: Subject) -> Cost:
    """The same estimates that DatabaseSize and BackupSpace judge."""
    storage, space = subject.facts.condition.storage, subject.facts.backup.space
    needed = estimate_of(subject, space) if isinstance(space, SpaceFacts) else None
    return Cost(
        seconds=seconds_of(subject, storage) if isinstance(storage, StorageFacts) else None,
        wal_bytes=needed.wal if needed else None,
        image_bytes=needed.image if needed else None,
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


def _statements(plan: Plan, moving: Moving) -> tuple[str, ...]:
    shape, name = moving.shape, "migration_backup_…"
    changes = [ddl.as_text(ddl.schema_statement(change, shape)) for change in plan.schema_changes]
    parking = turns.Parking.for_write(shape, name)
    writing = [
        image.create_statement(moving, name),
        write.lock_statement(shape),
        *([turns.merge_statement(shape, name)] if shape.merges else []),
        *([parking.keep_statement(), parking.remove_statement()] if parking.is_needed else []),
        write.write_statement(shape, name),
        *([parking.insert_statement()] if parking.is_needed else []),
    ]
    return (*changes, *(ddl.as_text(statement) for statement in writing))
