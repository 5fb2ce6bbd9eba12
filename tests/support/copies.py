"""Copies of a database, made as people make them, and objects that are led to another one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from localenv.database import Database
from localenv.wait import wait_until
from support.migrations import Migration, condition_of

_OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
_IMAGES = (
    "SELECT tablename FROM pg_tables WHERE schemaname = 'roleshift' AND tablename ~ '^migration_backup_u'"
)
_TABLES = (
    "public.user_profiles",
    "roleshift.migration_run",
    "roleshift.migration_execution_log",
    "roleshift.migration_backup",
)


def copied_as_template(database: Database) -> Database:
    """CREATE DATABASE … TEMPLATE, once nobody is connected any more: every OID stays."""

    def is_alone() -> bool:
        with database.server.connect() as session:
            return session.execute(_OTHERS, [database.name]).fetchone() == (0,)

    wait_until(is_alone, 20, "nobody is connected")
    return database.copy()


def dumped_and_restored(database: Database, folder: Path) -> Database:
    """pg_dump and pg_restore into a new database: every OID is another one."""
    server, dump = database.server, str(folder / "people.dump")
    restored = replace(database, name=f"{database.name}_restored")
    server.create_database(restored.name, owner=restored.owner)
    server.run("pg_dump", "--format=custom", f"--file={dump}", database=database.name)
    server.run("pg_restore", "--exit-on-error", dump, database=restored.name)
    return restored


def lead_to(migration: Migration, database: Database) -> None:
    """The migration's connection leads to that database from now on."""
    migration.secret(database.uri, database.name.replace("_", "-"))
    migration.patch({"connection": {"secretRef": {"name": database.name.replace("_", "-")}}})


def everything_in(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of table and ledger with its version, and the images: whoever writes anything is seen."""
    rows = {
        table: database.query(f"SELECT to_jsonb(t)::text, xmin::text FROM {table} AS t ORDER BY 1")
        for table in _TABLES
    }
    return {**rows, "images": images_in(database)}


def images_in(database: Database) -> list[tuple[Any, ...]]:
    """The before-images that stand in the ledger's schema."""
    return database.query(_IMAGES)


def assert_stalled(migration: Migration, reason: str) -> dict[str, Any]:
    """The object says that its run is not here, and that a person is needed; its Ready condition."""
    status = migration.status
    assert condition_of(status, "Stalled")["reason"] == reason
    assert not condition_of(status, "Reconciling")
    ready = condition_of(status, "Ready")
    assert (ready["status"], ready["reason"]) == ("False", reason)
    return ready
