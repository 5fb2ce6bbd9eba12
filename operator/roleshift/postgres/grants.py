"""What a run's role needs: the least grants, as SQL that a database administrator lays down beforehand.

`permissions` asks the server for the same rights; the table of the ledger's privileges is shared.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from roleshift.api import OnDuplicate, RoleMigrationSpec, SchemaChanges
from roleshift.engine.order import writing_order
from roleshift.postgres import script
from roleshift.postgres.statements import LEDGER_SCHEMA, identifier

LEDGER_PRIVILEGES = {
    "ledger_version": ("SELECT",),
    "migration_run": ("SELECT", "INSERT", "UPDATE"),
    "migration_execution_log": ("SELECT", "INSERT"),
    "migration_backup": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "migration_rollback_log": ("SELECT", "INSERT"),
    "migration_validation_functions": ("SELECT",),
}
"""What a run does with each table of the ledger."""


@dataclass(frozen=True, slots=True)
class Grantee:
    """A role that gets rights.

    Attributes:
        database: where it gets CONNECT; "" where everybody has that anyway.
    """

    role: str
    database: str = ""

    @property
    def name(self) -> str:
        """The role, quoted."""
        return quoted(self.role)


def quoted(*names: str) -> str:
    """Names as SQL has them, joined by dots."""
    return script.plain(identifier(*names))


def ledger_grants(grantee: Grantee) -> list[str]:
    """Statements that let a role keep the ledger and make images, without CREATE on the database."""
    connect = f"GRANT CONNECT ON DATABASE {quoted(grantee.database)} TO {grantee.name};"
    return [
        *([connect] if grantee.database else []),
        "-- CREATE is for the before-images, which the role makes, owns and drops.",
        f"GRANT USAGE, CREATE ON SCHEMA {LEDGER_SCHEMA} TO {grantee.name};",
        *(
            f"GRANT {', '.join(privileges)} ON {LEDGER_SCHEMA}.{table} TO {grantee.name};"
            for table, privileges in LEDGER_PRIVILEGES.items()
        ),
    ]


def target_grants(grantee: Grantee, spec: RoleMigrationSpec) -> list[str]:
    """Statements that let a role migrate the target of a manifest, and back."""
    target = quoted(spec.target.schema_name, spec.target.table)
    columns = ", ".join(quoted(name) for name in spec.target.columns.written())
    lookups = [spec.target.lookup] if spec.target.lookup else []
    names = [(one.schema_name, one.table) for one in spec.target.assignments]
    others = dict.fromkeys([*names, *((one.schema_name, one.table) for one in lookups)])
    schemas = dict.fromkeys([spec.target.schema_name, *(schema for schema, _ in others)])
    return [
        *_remarks(spec),
        *(f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {grantee.name};" for schema in schemas),
        f"GRANT SELECT ON {target} TO {grantee.name};",
        f"GRANT UPDATE ({columns}) ON {target} TO {grantee.name};",
        _lock_grant(grantee, target),
        *_taking_out(grantee, target, spec),
        *(f"GRANT SELECT ON {quoted(*names)} TO {grantee.name};" for names in others),
        _reference_grants(grantee, target),
    ]


def _taking_out(grantee: Grantee, target: str, spec: RoleMigrationSpec) -> Iterable[str]:
    """Rows that are merged, or that go round in a circle, are deleted and inserted."""
    circle = writing_order({m.from_role: m.to_role for m in spec.mappings}).parking
    if circle or spec.target.on_duplicate is OnDuplicate.MERGE:
        yield f"GRANT INSERT, DELETE ON {target} TO {grantee.name};"


def _remarks(spec: RoleMigrationSpec) -> Iterable[str]:
    if spec.schema_changes is SchemaChanges.ADD_MISSING:
        yield (
            "-- spec.schemaChanges: AddMissing needs the owner of the table. Add the columns and labels\n"
            "-- that are missing before this, and the run has none to add."
        )
    if spec.validation.assertions:
        yield "-- spec.validation.assertions may need SELECT on other tables: grant it too."


def _lock_grant(grantee: Grantee, target: str) -> str:
    """LOCK TABLE asks for a right on the whole table; MAINTAIN, since version 17, is the least."""
    maintain, update = (
        script.text(f"GRANT {right} ON {target} TO {grantee.name}") for right in ("MAINTAIN", "UPDATE")
    )
    return (
        "-- LOCK TABLE needs a right on the whole table; the least is MAINTAIN, which came with version 17.\n"
        + script.block(_LOCK.format(maintain=maintain, update=update))
    )


def _reference_grants(grantee: Grantee, target: str) -> str:
    """Rows that refer to nothing are counted, so what foreign keys refer to is read."""
    names = {"target": script.text(target), "role": script.text(grantee.role)}
    return (
        "-- What the table's foreign keys refer to is read when rows that refer to nothing are counted.\n"
        + script.block(_REFERENCES.format(**names), "referenced record")
    )


_LOCK = """\
    EXECUTE CASE
        WHEN current_setting('server_version_num')::integer >= 170000 THEN {maintain}
        ELSE {update}
    END;"""
_REFERENCES = """\
    FOR referenced IN
        SELECT DISTINCT n.nspname, c.relname
        FROM pg_catalog.pg_constraint AS k
        INNER JOIN pg_catalog.pg_class AS c ON c.oid = k.confrelid
        INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE k.contype = 'f' AND k.conrelid = {target}::regclass
    LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', referenced.nspname, {role});
        EXECUTE format('GRANT SELECT ON %I.%I TO %I', referenced.nspname, referenced.relname, {role});
    END LOOP;"""
