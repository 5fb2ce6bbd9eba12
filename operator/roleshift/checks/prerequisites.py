"""Checks on the columns that a run writes: do their types hold the new values, and are they there?"""

from roleshift.api import SchemaChanges
from roleshift.checks.spelling import meant, twin
from roleshift.checks.subject import Subject, could_not_read, could_not_tell, depends_on
from roleshift.checks.wording import all_quoted, counted
from roleshift.engine.checks import Judgement, failed, passed, warning
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.table import LookupFacts, RoleFacts
from roleshift.engine.naming import MAX_IDENTIFIER_BYTES
from roleshift.engine.plan import missing_labels
from roleshift.engine.shape import missing_columns
from roleshift.engine.target import Column, TargetFacts
from roleshift.errors import Reason

_TIME = "D"
_STRING = "S"
_TEXTUAL = frozenset({_STRING, "E"})


def role_type(subject: Subject) -> Judgement:
    """The role column's type holds every target role, or AddMissing adds it."""
    target = subject.target
    role = target.column(subject.names.role) if target else None
    if target is None or role is None:
        return depends_on("UserProfiles")
    for judge in (_shape_of_role, _looked_up, _refused_values, _missing_labels):
        judgement = judge(subject, target, role)
        if judgement is not None:
            return judgement
    return passed(f'"{role.name}" is {role.type_name} and holds every role of the mapping')


def _shape_of_role(subject: Subject, _: TargetFacts, role: Column) -> Judgement | None:
    if role.generated:
        return failed(
            f'"{role.name}" is computed by the server and can\'t be written', Reason.ROLE_NOT_IN_TYPE
        )
    category = role.element_category if role.is_array else role.category
    if subject.spec.target.lookup is None and category not in _TEXTUAL:
        return failed(
            f'"{role.name}" is of type {role.type_name}: a role is text or an enum, or an array of one; '
            "where it is the key of another table, name that in spec.target.lookup",
            Reason.ROLE_NOT_IN_TYPE,
        )
    roles = subject.facts.roles
    nested = roles.elements.nested if isinstance(roles, RoleFacts) and roles.elements else 0
    if nested:
        return failed(
            f"{counted(nested, 'row holds', 'rows hold')} an array of more than one dimension in "
            f'"{role.name}": make it a plain list',
            Reason.ROLE_NOT_IN_TYPE,
        )
    return None


def _looked_up(subject: Subject, _: TargetFacts, __: Column) -> Judgement | None:
    """The lookup table is there and has one key for each role of the mapping."""
    asked, found = subject.spec.target.lookup, subject.facts.lookup
    if asked is None or found is None:
        return None
    table = f"{asked.schema_name}.{asked.table}"
    if isinstance(found, ProbeFailure):
        return _no_lookup(table, found)
    if found.more:
        return failed(
            f"spec.target.lookup names {table}, which has more than {len(found.names) - 1} rows: that is no "
            "list of roles",
            Reason.ROLE_NOT_IN_TYPE,
        )
    missing = [role for role in subject.to_roles if role not in found.keys]
    if missing:
        return failed(
            f'{table} has no row with {all_quoted(missing)} in "{asked.name_column}": insert it, or change '
            "the mapping",
            Reason.ROLE_NOT_IN_TYPE,
        )
    return _doubled_names(subject, table, found)


def _no_lookup(table: str, failure: ProbeFailure) -> Judgement:
    if failure.reason in (Reason.TABLE_NOT_FOUND, Reason.COLUMN_NOT_FOUND):
        return failed(f"spec.target.lookup ({table}): {failure.message}; correct it", failure.reason)
    return could_not_tell(failure)


def _doubled_names(subject: Subject, table: str, found: LookupFacts) -> Judgement | None:
    mapped = {role for m in subject.spec.mappings for role in (m.from_role, m.to_role)}
    doubled = sorted(mapped & set(found.doubled))
    if not doubled:
        return None
    return failed(
        f"{table} has several rows with the name {all_quoted(doubled)}, so it is not clear which key is "
        "meant: give each role one row",
        Reason.ROLE_NOT_IN_TYPE,
    )


def _refused_values(subject: Subject, _: TargetFacts, __: Column) -> Judgement | None:
    refused = subject.facts.refused
    if isinstance(refused, ProbeFailure):
        return could_not_read(subject, refused)
    if not refused:
        return None
    text = "; ".join(f'column "{one.column}" refuses "{one.value}" ({one.why})' for one in refused[:5])
    return failed(f"{text}: change spec.mappings, or the column", Reason.ROLE_NOT_IN_TYPE)


def _missing_labels(subject: Subject, target: TargetFacts, role: Column) -> Judgement | None:
    missing = missing_labels(target, subject.to_roles)
    if not missing:
        return None
    too_long = [name for name in missing if len(name.encode()) > MAX_IDENTIFIER_BYTES]
    if too_long:
        return failed(
            f"{role.type_name} can't hold {all_quoted(too_long)}: a label has at most {MAX_IDENTIFIER_BYTES} "
            "bytes; change spec.mappings",
            Reason.ROLE_NOT_IN_TYPE,
        )
    if subject.spec.schema_changes is SchemaChanges.ADD_MISSING:
        return _to_be_added(target, role, missing)
    names = ", ".join(f'"{name}"{meant(name, target.role_type.enum_labels)}' for name in missing)
    return failed(
        f"{role.type_name} lacks {names}: correct spec.mappings, set spec.schemaChanges: AddMissing, or run "
        f"ALTER TYPE {target.role_type.enum_type} ADD VALUE … yourself",
        Reason.ROLE_NOT_IN_TYPE,
    )


def _to_be_added(target: TargetFacts, role: Column, missing: tuple[str, ...]) -> Judgement:
    """What AddMissing adds, and what a person may not have meant or can't be foreseen."""
    said = f"{role.type_name} lacks {all_quoted(missing)}; the plan adds them"
    twins = [(name, twin(name, target.role_type.enum_labels)) for name in missing]
    doubts = [
        f'"{name}" differs from "{other}", which it has, only in case or spaces: correct spec.mappings if '
        "that was meant"
        for name, other in twins
        if other is not None
    ]
    if role.constrained or any(check.column == role.name for check in target.value_checks):
        doubts.append(
            "whether the constraints on the column take them can't be asked before they are there: where "
            "they don't, the run fails before a row is changed"
        )
    return warning("; ".join([said, *doubts])) if doubts else passed(said)


def migration_columns(subject: Subject) -> Judgement:
    """The bookkeeping columns are there with usable types, or "", or AddMissing adds them."""
    target = subject.target
    if target is None:
        return depends_on("UserProfiles")
    missing = missing_columns(target, subject.names)
    if missing and subject.spec.schema_changes is not SchemaChanges.ADD_MISSING:
        return failed(_both_answers(subject, missing), Reason.MIGRATION_COLUMNS_MISSING)
    unusable = _unusable(subject, target)
    if unusable:
        return failed("; ".join(unusable), Reason.MIGRATION_COLUMNS_MISSING)
    if missing:
        return passed(f"the plan adds {', '.join(column.name for column in missing)}")
    return passed("every bookkeeping column is there, or is not wanted")


def _both_answers(subject: Subject, missing: tuple[Column, ...]) -> str:
    fields = {
        subject.names.previous_role: "previousRole",
        subject.names.seniority: "seniority",
        subject.names.migrated_at: "migratedAt",
    }
    names = ", ".join(f'"{column.name}"' for column in missing)
    without = "\n".join(f'      {fields[column.name]}: ""' for column in missing)
    return (
        f"{subject.table} has no column {names}. Either have them added:\n"
        "spec:\n  schemaChanges: AddMissing\n"
        "or do without them:\n"
        f"spec:\n  target:\n    columns:\n{without}\n"
    )


def _unusable(subject: Subject, target: TargetFacts) -> list[str]:
    found = []
    role = target.column(subject.names.role)
    as_role = frozenset({role.category} if role else ())
    for name, allowed, what in (
        (subject.names.previous_role, _TEXTUAL | as_role, "text or the role's own type"),
        (subject.names.seniority, _TEXTUAL, "text or an enum"),
        (subject.names.migrated_at, frozenset({_STRING, _TIME}), "timestamp with time zone"),
    ):
        column = target.column(name) if name else None
        if column is not None and (column.category not in allowed or column.generated):
            found.append(f'column "{name}" is {column.type_name} and can\'t be written; it has to be {what}')
    return found
