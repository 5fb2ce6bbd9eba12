"""RoleConsistency: every role present is mapped or kept, and the mapping hurts nobody unseen."""

from collections.abc import Mapping as Rows

from roleshift.api import UnmappedRoles
from roleshift.checks.collisions import under_unique_index
from roleshift.checks.spelling import meant, twin
from roleshift.checks.subject import Subject, could_not_read, depends_on
from roleshift.checks.wording import MAX_NAMED, counted, named
from roleshift.engine.checks import Judgement, failed, passed, warning
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.table import RoleFacts
from roleshift.engine.mapping import MappingProof, escalations, shortfalls, unranked_roles
from roleshift.errors import Reason


def role_consistency(subject: Subject) -> Judgement:
    """Every role present is mapped or kept, and the mapping hurts nobody unseen."""
    roles, proof, target = subject.facts.roles, subject.proof, subject.target
    if isinstance(roles, ProbeFailure):
        return depends_on("UserProfiles") if target is None else could_not_read(subject, roles)
    if proof is None or target is None:
        return depends_on("UserProfiles")
    for judge in _JUDGES:
        judgement = judge(subject, proof)
        if judgement is not None:
            return judgement
    return _with_remarks(subject, proof, roles)


def _unmapped(subject: Subject, proof: MappingProof) -> Judgement | None:
    if subject.spec.unmapped_roles is UnmappedRoles.KEEP or not proof.unmapped:
        return None
    empty = ' (no mapping can name the empty role "": UPDATE its rows first)' if "" in proof.unmapped else ""
    return failed(
        f"roles that no mapping names: {_listed(proof.unmapped)}; add a mapping for each{empty}, or set "
        "spec.unmappedRoles: Keep to leave them as they are",
        Reason.UNMAPPED_ROLES,
    )


def _null_roles(subject: Subject, proof: MappingProof) -> Judgement | None:
    if subject.spec.unmapped_roles is UnmappedRoles.KEEP or not proof.null_rows:
        return None
    them, are = ("it", "it is") if proof.null_rows == 1 else ("them", "they are")
    return failed(
        f"{counted(proof.null_rows, 'row has', 'rows have')} no role (NULL): give {them} one, or set "
        f"spec.unmappedRoles: Keep to leave {them} as {are}",
        Reason.NULL_ROLES,
    )


def _seniority_of_array(subject: Subject, _: MappingProof) -> Judgement | None:
    """A row with several roles has one seniority: that of the strongest new role that gives one."""
    role = subject.target.column(subject.names.role) if subject.target else None
    if role is None or not role.is_array or not subject.names.seniority:
        return None
    giving = {m.to_role for m in subject.spec.mappings if m.seniority is not None}
    values = {m.seniority for m in subject.spec.mappings if m.seniority is not None}
    unranked = sorted(giving - set(subject.spec.privileges.order))
    if len(values) < 2 or not unranked:
        return None
    return failed(
        "a row holds several roles and gets one seniority, that of the strongest: spec.privileges.order does "
        f"not name {named(unranked)}; add what is missing, weakest first",
        Reason.AMBIGUOUS_SENIORITY,
    )


def _escalating(subject: Subject, proof: MappingProof) -> Judgement | None:
    privileges = subject.spec.privileges
    stronger = escalations(proof.cells, privileges.order)
    if not stronger or privileges.allow_escalation:
        return None
    routes = ", ".join(
        f"{c.from_role} → {c.to_role} ({counted(c.rows, 'row', 'rows')})" for c in stronger[:MAX_NAMED]
    )
    return failed(
        f"spec.mappings gives stronger roles: {routes}; change it, or set "
        "spec.privileges.allowEscalation: true",
        Reason.ESCALATION_NOT_ALLOWED,
    )


def _left_short(subject: Subject, proof: MappingProof) -> Judgement | None:
    short = shortfalls(proof.after, subject.demanded)
    if not short:
        return None
    text = ", ".join(f"{s.role}: {counted(s.left, 'row', 'rows')} left, {s.demanded} demanded" for s in short)
    unknown = [s.role for s in short if s.role not in {*proof.after, *subject.to_roles, *_sources(subject)}]
    typos = [f'nobody holds "{role}" and no mapping names it{meant(role, proof.after)}' for role in unknown]
    return failed(
        "spec.privileges.keepAtLeast would not hold after the migration: "
        f"{'; '.join([text, *typos])}: change spec.mappings so that enough rows keep these roles, or correct "
        "spec.privileges.keepAtLeast",
        Reason.TOO_FEW_LEFT,
    )


_JUDGES = (_unmapped, _null_roles, _seniority_of_array, under_unique_index, _escalating, _left_short)


def _with_remarks(subject: Subject, proof: MappingProof, roles: RoleFacts) -> Judgement:
    summary = f"{proof.rows} of {counted(roles.total, 'row', 'rows')} will change"
    if merged := sum(subject.merged.values()):
        summary += f", {merged} of them by being merged into another row of the same user"
    if proof.arrived:
        summary += f"; already in a new role and left as they are: {_listed(proof.arrived)}"
    remarks = list(_remarks(subject, proof))
    if remarks:
        return warning("; ".join([summary, *remarks]))
    return passed(summary)


def _remarks(subject: Subject, proof: MappingProof) -> list[str]:
    remarks = []
    if subject.spec.target.scope is not None and not proof.before and not proof.null_rows:
        remarks.append("spec.target.scope matches no row: is it spelled rightly?")
    if proof.unused:
        hints = [meant(role, proof.after) for role in proof.unused]
        unused = named([f"{role}{hint}" for role, hint in zip(proof.unused, hints, strict=True)])
        remarks.append(f"nobody holds {unused}: correct the spelling in spec.mappings, or remove the entry")
    remarks += _twins(subject, proof)
    order = subject.spec.privileges.order
    if not order:
        remarks.append("escalations are not judged without spec.privileges.order")
    elif unranked := unranked_roles(proof.cells, order):
        remarks.append(
            f"escalations of {', '.join(unranked[:MAX_NAMED])} are not judged: spec.privileges.order "
            f"does not name them{next(filter(None, (meant(role, order) for role in unranked)), '')}"
        )
    return remarks


def _sources(subject: Subject) -> list[str]:
    return [mapping.from_role for mapping in subject.spec.mappings]


def _twins(subject: Subject, proof: MappingProof) -> list[str]:
    """Targets beside which rows will hold the same role in another spelling."""
    kept = [*proof.unmapped, *proof.arrived]
    found = [(role, twin(role, kept)) for role in subject.to_roles if role not in proof.arrived]
    return [
        f'"{role}" differs from "{other}", which rows hold and keep, only in case or spaces: correct '
        "spec.mappings if that was meant"
        for role, other in found
        if other is not None
    ]


def _listed(rows: Rows[str, int]) -> str:
    return named([f'"{role}" ({counted(count, "row", "rows")})' for role, count in sorted(rows.items())])
