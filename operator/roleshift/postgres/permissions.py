"""Trying as the run's role what a run will need, and undoing it: the probe of BackupPermissions."""

from dataclasses import dataclass
from typing import Any

from psycopg import sql

from roleshift.engine.facts.backup import PermissionFacts
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.plan import AddColumn, AddEnumValue, Plan
from roleshift.engine.target import TargetFacts
from roleshift.errors import DatabaseError, Reason
from roleshift.postgres import image, ledger, write
from roleshift.postgres.schema_changes import as_text
from roleshift.postgres.session import Session, Timeouts
from roleshift.postgres.statements import identifier, statement

PROBE_TIMEOUTS = Timeouts(lock_seconds=1.0, statement_seconds=10.0)
_PROBE_IMAGE = "permission_probe"


@dataclass(frozen=True, slots=True)
class Trial:
    """What to try.

    Attributes:
        user, database: for the statements that would grant what is missing.
        plan: None while no plan can be made; then the write itself is not tried.
    """

    user: str
    database: str
    target: TargetFacts
    plan: Plan | None

    @property
    def can_be_planned(self) -> bool:
        """Whether every column that the write needs is there already."""
        return self.plan is not None and not self.plan.schema_changes


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
    row = await session.row(statement("probes/privileges"), {"oid": trial.target.oid})
    missing = _missing_grants(row, trial)
    if missing:
        return PermissionFacts(tuple(missing), "not tried", planned=False)
    if not row["schema_present"]:
        await session.execute(sql.SQL("CREATE SCHEMA roleshift"))
    missing = await _refused_statements(session, trial)
    version = await ledger.installed_version(session)
    return PermissionFacts(
        tuple(missing),
        "absent, will be created" if version is None else f"version {version}",
        planned=trial.can_be_planned,
    )


def _missing_grants(row: dict[str, bool], trial: Trial) -> list[str]:
    user, target = _name(trial.user), _name(trial.target.schema, trial.target.table)
    missing = []
    if row["schema_present"] and not row["may_create_in_schema"]:
        missing.append(f"GRANT USAGE, CREATE ON SCHEMA roleshift TO {user}")
    if not row["schema_present"] and not row["may_create_schema"]:
        missing.append(f"GRANT CREATE ON DATABASE {_name(trial.database)} TO {user}")
    if not row["may_use_schema"]:
        missing.append(f"GRANT USAGE ON SCHEMA {_name(trial.target.schema)} TO {user}")
    wanted = [p for p in ("SELECT", "UPDATE") if not row[f"may_{p.lower()}"]]
    if wanted:
        missing.append(f"GRANT {', '.join(wanted)} ON {target} TO {user}")
    changes = {type(change) for change in trial.plan.schema_changes} if trial.plan else set()
    if AddColumn in changes and not trial.target.owned:
        missing.append(f"ALTER TABLE {target} OWNER TO {user} (or GRANT the owner's role TO {user})")
    if AddEnumValue in changes and not trial.target.role_type.enum_owned:
        missing.append(f"ALTER TYPE {trial.target.role_type.enum_type} OWNER TO {user}")
    return missing


def _name(*names: str) -> str:
    return as_text(identifier(*names))


async def _refused_statements(session: Session, trial: Trial) -> list[str]:
    """What PostgreSQL itself refuses when it is really asked; for instance through row-level security."""
    try:
        if trial.plan is not None and trial.can_be_planned:
            await _plan_write(session, trial.plan)
    except DatabaseError as error:
        if error.reason is not Reason.PERMISSION_DENIED:
            raise
        return [error.message]
    return []


async def _plan_write(session: Session, plan: Plan) -> None:
    """EXPLAIN checks the rights of a statement without running it; the image is real, and empty."""
    create = image.create_statement(plan.shape, _PROBE_IMAGE, ["\u0001"])
    await session.execute(sql.SQL("{} WITH NO DATA").format(create))
    query = write.write_statement(plan.shape, _PROBE_IMAGE)
    params: dict[str, Any] = {
        "from_roles": [],
        "to_roles": [],
        "seniorities": [],
        "first": "(0,0)",
        "last": "(1,0)",
        "written_at": None,
    }
    await session.execute(sql.SQL("EXPLAIN {}").format(query), params)
