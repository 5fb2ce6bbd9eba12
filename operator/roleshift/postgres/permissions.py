"""Trying as the run's role what a run will need, and undoing it: the probe of BackupPermissions.

Nothing of it stays, and no lock is taken on the target: whether the role may lock it, the catalog tells.
"""

from dataclasses import dataclass
from typing import Any

from psycopg import sql

from roleshift.api import Assertion
from roleshift.engine.facts.backup import PermissionFacts
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.plan import AddColumn, AddEnumValue, Plan, SchemaChange, is_missing
from roleshift.engine.routes import routes_of
from roleshift.engine.target import TargetFacts
from roleshift.errors import DatabaseError, Reason
from roleshift.postgres import assertions, comparison, image, ledger_schema, restore_statements, turns, write
from roleshift.postgres.grants import LEDGER_PRIVILEGES, quoted
from roleshift.postgres.moving import Moving
from roleshift.postgres.probes.wanted import Wanted
from roleshift.postgres.session import Query, Session, Timeouts
from roleshift.postgres.statements import statement

PROBE_TIMEOUTS = Timeouts(lock_seconds=1.0, statement_seconds=10.0)
PROBE_IMAGE = "permission_probe"
_NOBODY = "00000000-0000-0000-0000-000000000000"
PLANNED_WITH: dict[str, Any] = {
    "run_id": _NOBODY,
    "new_roles": [],
    "old_roles": [],
    "new_only": [],
    "roles": [],
    "first": "(0,0)",
    "last": "(1,0)",
    "written_at": None,
    "xid": "0",
    "turn": 1,
    "marker": 0,
}
"""What the statements are planned with; EXPLAIN runs none of them."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What to try.

    Attributes:
        user, database: for the statements that would grant what is missing.
        plan: None while no plan can be made; then the write itself is not tried.
        wanted: what the manifest says of the target.
        assertions: users' own queries.
    """

    user: str
    database: str
    target: TargetFacts
    plan: Plan | None
    wanted: Wanted
    assertions: tuple[Assertion, ...] = ()

    @property
    def to_be_added(self) -> list[SchemaChange]:
        """What the plan adds and is not there yet."""
        changes = self.plan.schema_changes if self.plan else ()
        return [change for change in changes if is_missing(change, self.target)]

    @property
    def can_be_planned(self) -> bool:
        """Whether every column that the write needs is there already."""
        return self.plan is not None and not self.to_be_added

    @property
    def written(self) -> list[str]:
        """Columns that are written and that are there."""
        return [name for name in self.wanted.written if self.target.column(name) is not None]

    @property
    def read(self) -> list[str]:
        """Columns that the statements read: the key, what is written, and the row's version."""
        key = [column.name for column in self.plan.shape.key] if self.plan else []
        return [*dict.fromkeys([*key, *self.written]), "xmin"]


async def try_permissions(session: Session, trial: Trial) -> PermissionFacts | ProbeFailure:
    """Create, write and drop in the ledger schema, and plan every statement; all rolled back.

    Raises:
        DatabaseError: the connection is gone.
    """
    async with session.rolled_back(PROBE_TIMEOUTS):
        try:
            async with session.savepoint():
                return await _try(session, trial)
        except DatabaseError as error:
            if not session.is_usable:
                raise
            return ProbeFailure(error.reason, error.message, error.sqlstate)


async def _try(session: Session, trial: Trial) -> PermissionFacts:
    row = await session.row(
        statement("probes/privileges"),
        {
            "oid": trial.target.oid,
            "read": trial.read,
            "written": trial.written,
            "schemas": [one.schema_name for one in trial.wanted.assignments],
            "tables": [one.table for one in trial.wanted.assignments],
        },
    )
    missing = _missing_grants(row, trial)
    if missing:
        return PermissionFacts(tuple(missing), "not tried", planned=False)
    version = await ledger_schema.installed_version(session)
    if not row["schema_present"]:
        await session.execute(sql.SQL("CREATE SCHEMA roleshift"))
    missing = await _refused_statements(session, trial, version)
    missing += [] if version is None else _refused_upgrade(row, trial, version)
    return PermissionFacts(
        tuple(missing),
        "absent, will be created" if version is None else f"version {version}",
        planned=trial.can_be_planned,
    )


def _missing_grants(row: dict[str, Any], trial: Trial) -> list[str]:
    return [
        *_missing_on_ledger(row, trial),
        *_missing_on_target(row, trial),
        *_missing_ownership(trial),
    ]


def _missing_on_ledger(row: dict[str, Any], trial: Trial) -> list[str]:
    user = quoted(trial.user)
    if not row["schema_present"]:
        database = f"GRANT CREATE ON DATABASE {quoted(trial.database)} TO {user}"
        return [] if row["may_create_schema"] else [database]
    missing = [] if row["may_create_in_schema"] else [f"GRANT USAGE, CREATE ON SCHEMA roleshift TO {user}"]
    held: dict[str, list[str] | None] = row["ledger_privileges"] or {}
    for table, privileges in LEDGER_PRIVILEGES.items():
        lacking = [one for one in privileges if one not in (held.get(table) or ())] if table in held else []
        if lacking:
            missing.append(f"GRANT {', '.join(lacking)} ON roleshift.{table} TO {user}")
    return missing


def _missing_on_target(row: dict[str, Any], trial: Trial) -> list[str]:
    user, target = quoted(trial.user), quoted(trial.target.schema, trial.target.table)
    missing = []
    if not row["may_use_schema"]:
        missing.append(f"GRANT USAGE ON SCHEMA {quoted(trial.target.schema)} TO {user}")
    wanted = [right for right in ("SELECT", "UPDATE") if not row[f"may_{right.lower()}"]]
    if wanted:
        missing.append(f"GRANT {', '.join(wanted)} ON {target} TO {user}")
    if not row["may_lock"] and "UPDATE" not in wanted:
        right = "MAINTAIN" if row["knows_maintain"] else "UPDATE"
        missing.append(f"GRANT {right} ON {target} TO {user}")
    for schema, table in row["unreadable"] or ():
        missing.append(f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {user}")
        missing.append(f"GRANT SELECT ON {quoted(schema, table)} TO {user}")
    return list(dict.fromkeys(missing))


def _missing_ownership(trial: Trial) -> list[str]:
    user, target = quoted(trial.user), quoted(trial.target.schema, trial.target.table)
    changes = {type(change) for change in trial.to_be_added}
    missing = []
    if AddColumn in changes and not trial.target.owned:
        missing.append(f"ALTER TABLE {target} OWNER TO {user} (or GRANT the owner's role TO {user})")
    if AddEnumValue in changes and not trial.target.role_type.enum_owned:
        missing.append(f"ALTER TYPE {trial.target.role_type.enum_type} OWNER TO {user}")
    return missing


def _refused_upgrade(row: dict[str, Any], trial: Trial, version: int) -> list[str]:
    """An older ledger is brought up by who may write its version: its owner, as a rule."""
    held = (row["ledger_privileges"] or {}).get("ledger_version") or ()
    if version >= ledger_schema.VERSION or "INSERT" in held:
        return []
    run = f"roleshift sql --role {quoted(trial.user)} | psql"
    return [f"the ledger has version {version} and the role may not upgrade it: as its owner, run {run}"]


async def _refused_statements(session: Session, trial: Trial, version: int | None) -> list[str]:
    """What PostgreSQL itself refuses when it is really asked; for instance through row-level security."""
    refused: list[str] = []
    if trial.plan is not None and trial.can_be_planned:
        refused += await _refused_of_plan(session, _moving_of(trial), version)
    for assertion in trial.assertions:
        why = await assertions.why_denied(session, assertion)
        refused += [f"assertion {assertion.name}: {why}"] if why else []
    return list(dict.fromkeys(refused))


def _moving_of(trial: Trial) -> Moving:
    assert trial.plan is not None
    shape = trial.plan.shape
    return Moving(shape, routes_of(trial.wanted.mappings, trial.wanted.strength, shape))


async def _refused_of_plan(session: Session, moving: Moving, version: int | None) -> list[str]:
    """EXPLAIN checks the rights of a statement without running it; the image is real, and empty."""
    create = image.create_statement(moving, PROBE_IMAGE)
    why = await _why_denied(session, sql.SQL("{} WITH NO DATA").format(create))
    if why:
        return [why]
    await finish_stand_ins(session, moving)
    tried = [
        await _why_denied(session, sql.SQL("EXPLAIN {}").format(query))
        for query in statements_of(moving, version)
    ]
    return [why for why in tried if why]


async def finish_stand_ins(session: Session, moving: Moving) -> None:
    """What the statements need beside the empty image: its identity, and a place for parked rows."""
    await session.execute(image.identity_statement(PROBE_IMAGE))
    parking = turns.Parking.for_write(moving.shape, PROBE_IMAGE)
    if parking.is_needed:
        await session.execute(sql.SQL("{} WITH NO DATA").format(parking.keep_statement()))


def statements_of(moving: Moving, version: int | None) -> list[sql.Composed]:
    """Every statement of a run on the target, in its order; the first to be refused says why."""
    return [*_of_write(moving), *_of_restore(moving, version)]


def _of_write(moving: Moving) -> list[sql.Composed]:
    shape = moving.shape
    parking = turns.Parking.for_write(shape, PROBE_IMAGE)
    return [
        image.source_statement(moving),
        *image.refresh_statements(moving, PROBE_IMAGE),
        *([turns.merge_statement(shape, PROBE_IMAGE)] if shape.merges else []),
        *([parking.remove_statement(), parking.insert_statement()] if parking.is_needed else []),
        write.write_statement(shape, PROBE_IMAGE),
        comparison.compare_statement(shape, PROBE_IMAGE),
    ]


def _of_restore(moving: Moving, version: int | None) -> list[sql.Composed]:
    """The same on the way back; what writes to the log of rollbacks needs one of this version."""
    with_log, restoring = restore_statements.every_statement(moving, PROBE_IMAGE)
    if version != ledger_schema.VERSION:
        return [] if moving.shape.constraints else restoring
    return [*with_log, *restoring]


async def _why_denied(session: Session, query: Query) -> str:
    """What the server says to a statement that the role may not run, "" where it may."""
    try:
        async with session.savepoint():
            await session.execute(query, PLANNED_WITH)
    except DatabaseError as error:
        if error.reason is not Reason.PERMISSION_DENIED or not session.is_usable:
            raise
        return error.message
    return ""
