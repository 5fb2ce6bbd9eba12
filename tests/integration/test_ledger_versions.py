"""An older ledger is brought up to the operator's version: once, whole, and without losing a row."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from localenv.database import Database
from roleshift.api import Phase
from roleshift.engine.outcome import Advance
from roleshift.errors import DatabaseError
from roleshift.postgres import ledger_schema
from support.ledger_rows import make_older
from support.run_phases import phases_on, session_on

NEW = (
    "approved_hash,approved_at,approved_by,approval_reason,approved_plan,"
    "work_seconds,lock_seconds,wal_bytes,wal_of,schema_change,"
    "carried_hash,forget_token,forgotten_at,forgotten_by,mode,"
    "resume_token,accept_token,accepted_at,accepted_by,acceptance_reason,reported,"
    "manifest_sha256,covers_write,removed_at,removal_reason,on_conflict,found"
)
"""Columns that versions after the first brought."""


VERSIONS = [(version,) for version in range(1, ledger_schema.VERSION + 1)]


def everything_in(database: Database) -> dict[str, object]:
    """The rows of the ledger's tables, and how often its run was taken over."""
    tables = ("migration_run", "migration_execution_log", "migration_backup", "migration_rollback_log")
    rows = {
        table: database.query(
            f"SELECT to_jsonb(t) - '{{epoch,holder,backends,{NEW}}}'::text[] FROM roleshift.{table} t"
        )
        for table in tables
    }
    return {**rows, "epoch": database.query("SELECT epoch FROM roleshift.migration_run")[0][0]}


async def test_an_older_one_is_brought_up_and_keeps_every_row(profiles: Database) -> None:
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
    before = everything_in(profiles)
    make_older(profiles)
    assert everything_in(profiles)["migration_backup"] != before["migration_backup"]
    async with phases_on(profiles) as run:
        assert run.run.phase is Phase.DONE
        assert await ledger_schema.installed_version(run.control) == ledger_schema.VERSION
        assert everything_in(profiles) == before | {"epoch": 2}
        assert isinstance(await run.roll_back(), Advance)
    assert profiles.query("SELECT version FROM roleshift.ledger_version ORDER BY 1") == VERSIONS
    assert profiles.query("SELECT name FROM roleshift.migration_validation_functions ORDER BY 1") == [
        ("restore_run(uuid)",),
        ("run_parts(uuid)",),
        ("validate_run(uuid)",),
    ]


async def test_many_sessions_at_once_bring_an_older_one_up_once(database: Database) -> None:
    async with AsyncExitStack() as opened:
        sessions = [await session_on(database.uri) for _ in range(6)]
        for session in sessions:
            opened.push_async_callback(session.close)
        await ledger_schema.ensure(sessions[0])
        make_older(database)
        await asyncio.gather(*[ledger_schema.ensure(session) for session in sessions])
    assert database.query("SELECT version FROM roleshift.ledger_version ORDER BY 1") == VERSIONS


async def test_one_that_can_not_be_brought_up_stays_as_it_is(profiles: Database) -> None:
    async with phases_on(profiles):
        pass
    make_older(profiles)
    profiles.execute("CREATE FUNCTION roleshift.restore_run(run_id uuid) RETURNS int RETURN 1")
    with pytest.raises(DatabaseError, match="cannot change return type"):
        async with phases_on(profiles):
            pass
    assert profiles.query("SELECT max(version) FROM roleshift.ledger_version") == [(1,)]
    assert profiles.query("SELECT to_regproc('roleshift.run_parts')") == [(None,)]
