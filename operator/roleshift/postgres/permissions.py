"""Trying as the run's role what a run will need, and undoing it: the probe of BackupPermissions."""

from dataclasses import dataclass
from typing import Any

from psycopg import sql

from roleshift.engine.facts import PermissionFacts, ProbeFailure
from roleshift.engine.plan import Plan
from roleshift.errors import DatabaseError, Reason
from roleshift.postgres import facts, image, ledger, write
from roleshift.postgres.session import Session, Timeouts
from roleshift.postgres.statements import identifier, statement, target_name

PROBE_TIMEOUTS = Timeouts(lock_seconds=1.0, statement_seconds=10.0)
_PROBE_IMAGE = "permission_probe"


@dataclass(frozen=True, slots=True)
class Trial:
    """What to try.

    Attributes:
        user, database: for the statements that would grant what is missing.
        plan: None while no plan can be made; then only the ledger is tried.
    """

    user: str
    database: str
    target_oid: int
    plan: Plan | None
    owned: bool


async def try_permissions(session: Session, trial: Trial) -> PermissionFacts | ProbeFailure:
    """Create, write and drop in the ledger schema, and plan every statement; all rolled back.

    Raises:
        DatabaseError: the connection is gone.
    """
    async with session.rolled_back(PROBE_TIMEOUTS):
        return await facts.attempt(session, lambda: _try(session, trial))


async def _try(session: Session, trial: Trial) -> PermissionFacts:
    row = await session.row(statement("facts_privileges"), {"oid": trial.target_oid})
    missing = _missing_grants(row, trial)
    if not missing:
        if not row["schema_present"]:
            await session.execute(sql.SQL("CREATE SCHEMA roleshift"))
        missing = await _refused_statements(session, trial)
    version = await ledger.installed_version(session)
    return PermissionFacts(
        tuple(missing), "absent, will be created" if version is None else f"version {version}"
    )


def _missing_grants(row: dict[str, bool], trial: Trial) -> list[str]:
    user = identifier(trial.user).as_string()
    missing = []
    if row["schema_present"] and not row["may_create_in_schema"]:
        missing.append(f"GRANT USAGE, CREATE ON SCHEMA roleshift TO {user}")
    if not row["schema_present"] and not row["may_create_schema"]:
        missing.append(f"GRANT CREATE ON DATABASE {identifier(trial.database).as_string()} TO {user}")
    if trial.plan is None:
        return missing
    target = target_name(trial.plan.shape).as_string()
    wanted = [p for p in ("SELECT", "UPDATE") if not row[f"may_{p.lower()}"]]
    if wanted:
        missing.append(f"GRANT {', '.join(wanted)} ON {target} TO {user}")
    if trial.plan.schema_changes and not trial.owned:
        missing.append(f"ALTER TABLE {target} OWNER TO {user} (or GRANT the owner's role TO {user})")
    return missing


async def _refused_statements(session: Session, trial: Trial) -> list[str]:
    """What PostgreSQL itself refuses when it is really asked; for instance through row-level security."""
    try:
        if trial.plan is not None and not trial.plan.schema_changes:
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
