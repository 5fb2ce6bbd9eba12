"""Checks on the table and the mapping: is it a table with a key, and is every role accounted for?"""

from collections.abc import Mapping as Rows

from roleshift.api import OnDuplicate, UnmappedRoles
from roleshift.checks.spelling import meant, twin
from roleshift.checks.subject import Subject, could_not_read, could_not_tell, depends_on
from roleshift.checks.wording import MAX_NAMED, counted, named
from roleshift.engine.checks import Judgement, failed, passed, warning
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.table import MissingTarget, OtherRelation, RoleFacts
from roleshift.engine.keys import KeyProblem, role_indexes
from roleshift.engine.mapping import MappingProof, chained_roles, escalations, shortfalls, unranked_roles
from roleshift.engine.target import TargetFacts
from roleshift.errors import Reason


def user_profiles(subject: Subject) -> Judgement:
    """The target is an ordinary or partitioned table with a usable key."""
    target, roles = subject.facts.target, subject.facts.roles
    if isinstance(target, ProbeFailure):
        return could_not_tell(target)
    if isinstance(target, MissingTarget):
        return _missing(target)
    if isinstance(target, OtherRelation):
        return failed(
            f"{subject.table} is a {target.kind}, not a table: name the table that it reads from in "
            "spec.target.table",
            Reason.NOT_A_TABLE,
        )
    problem = _of_key(subject, target)
    if problem is not None:
        return problem
    if target.column(subject.names.role) is None:
        return _no_role_column(subject)
    if isinstance(roles, ProbeFailure):
        return could_not_read(subject, roles)
    rows = counted(roles.total, "row", "rows")
    return passed(f"{subject.table}: {rows}, {roles.null_rows} of them with a NULL role")


def _of_key(subject: Subject, target: TargetFacts) -> Judgement | None:
    if target.heirs:
        return failed(
            f"{subject.table} has tables that inherit from it ({named(target.heirs)}), and no key holds over "
            "all of them: this version migrates tables without heirs, and partitioned ones",
            Reason.NOT_SUPPORTED,
        )
    if isinstance(subject.key, KeyProblem):
        return failed(subject.key.message, Reason.INVALID_KEY)
    if subject.spec.target.assignments and subject.key is not None and subject.key.user_column is None:
        return failed(
            f"the key of {subject.table} has several columns and spec.target.assignments refer to users: "
            "name the column that holds the user in spec.target.userColumn",
            Reason.INVALID_KEY,
        )
    return None


def _missing(target: MissingTarget) -> Judgement:
    hint = f" (similar: {', '.join(target.similar)})" if target.similar else ""
    return failed(
        f"there is no table {target.schema}.{target.table}, or the run's role may not see its schema{hint}: "
        "correct spec.target.schema and spec.target.table",
        Reason.TABLE_NOT_FOUND,
    )


def _no_role_column(subject: Subject) -> Judgement:
    assert subject.target is not None
    names = ", ".join(column.name for column in subject.target.columns)
    return failed(
        f'{subject.table} has no column "{subject.names.role}" (its columns: {names}): '
        "correct spec.target.columns.role",
        Reason.COLUMN_NOT_FOUND,
    )


def role_consistency(subject: Subject) -> Judgement:
    """Every role present is mapped or kept, and the mapping hurts nobody unseen."""
    roles, proof, target = subject.facts.roles, subject.proof, subject.target
    if isinstance(roles, ProbeFailure):
        return depends_on("UserProfiles") if target is None else could_not_read(subject, roles)
    if proof is None or target is None:
        return depends_on("UserProfiles")
    for judge in (_unmapped, _null_roles, _under_unique_index, _escalating, _left_short):
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


def _under_unique_index(subject: Subject, _: MappingProof) -> Judgement | None:
    assert subject.target is not None
    if not role_indexes(subject.target, subject.names.role):
        return None
    collisions = subject.facts.collisions
    if isinstance(collisions, ProbeFailure):
        return could_not_read(subject, collisions)
    if collisions.rows and subject.spec.target.on_duplicate is OnDuplicate.FAIL:
        return failed(
            f"{counted(collisions.rows, 'row', 'rows')} would share a unique value with another row once the "
            f"roles are mapped ({'; '.join(collisions.examples)}): remove one row of each pair first",
            Reason.ROLE_COLLISION,
        )
    chained = chained_roles(subject.spec.mappings)
    if chained:
        return failed(
            f"spec.mappings: {', '.join(chained)} is both a source and a target while the role is part of a "
            "unique index; this version can't order such a mapping yet: migrate in two runs",
            Reason.NOT_SUPPORTED,
        )
    return None


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
    short = shortfalls(proof.after, subject.spec.privileges.keep_at_least)
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


def _with_remarks(subject: Subject, proof: MappingProof, roles: RoleFacts) -> Judgement:
    summary = f"{proof.rows} of {counted(roles.total, 'row', 'rows')} will change"
    if proof.arrived:
        summary += f"; already in a new role and left as they are: {_listed(proof.arrived)}"
    remarks = list(_remarks(subject, proof))
    if remarks:
        return warning("; ".join([summary, *remarks]))
    return passed(summary)


def _remarks(subject: Subject, proof: MappingProof) -> list[str]:
    remarks = []
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
