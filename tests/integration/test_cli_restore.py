"""`roleshift restore`: what is left is enough: the database, the store, or an image nobody knows of."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from localenv.database import Database
from roleshift.api import Phase
from support.archives import archived, in_folder
from support.copies import dumped_and_restored
from support.ledger_rows import LedgerRows
from support.person import Person
from support.run_phases import phases_on, spec_of
from support.s3 import Bucket, s3_server
from support.tables import create_user_profiles

TABLE = "user_profiles"
LOSE_THE_LEDGER = """
    DELETE FROM roleshift.migration_rollback_log;
    DELETE FROM roleshift.migration_execution_log;
    DELETE FROM roleshift.migration_backup;
    DELETE FROM roleshift.migration_run
"""
CONFLICTS = "SELECT row_key FROM roleshift.migration_rollback_log WHERE kind = 'Conflict' ORDER BY id"


@pytest.fixture
def database(emptied_database: Database) -> Database:
    """A database of these tests' own, emptied after each."""
    return emptied_database


@pytest.fixture
def person(tmp_path: Path, database: Database) -> Person:
    create_user_profiles(database, 40)
    return Person(tmp_path, database)


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with s3_server() as running:
        yield running


async def migrated(database: Database) -> str:
    """Lead a run to Done; its id."""
    async with phases_on(database) as run:
        await run.until(Phase.DONE)
        return run.run.run_id


async def migrated_with_archive(database: Database, folder: Path) -> str:
    """The same, with an archive below a folder."""
    store = in_folder(folder)
    async with phases_on(database, archived(store)) as run:
        run.store = store
        await run.until(Phase.DONE)
        return run.run.run_id


def comes_back(person: Person, before: str, *arguments: str) -> None:
    done = person.restore(*arguments)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "rows restored" in done.stdout
    assert person.database.row_set_hash(TABLE) == before
    assert LedgerRows(person.database).phase == "RolledBack"


def is_refused(
    done: subprocess.CompletedProcess[str], message: str, database: Database, standing: str
) -> None:
    assert done.returncode == 1
    assert message in " ".join(done.stderr.split())
    assert database.row_set_hash(TABLE) == standing


async def test_the_database_alone_is_enough(person: Person) -> None:
    before = person.database.row_set_hash(TABLE)
    run_id = await migrated(person.database)
    comes_back(person, before, run_id)


async def test_an_image_that_no_ledger_and_no_object_knows_is_enough(person: Person) -> None:
    before = person.database.row_set_hash(TABLE)
    run_id = await migrated(person.database)
    person.database.execute(LOSE_THE_LEDGER)
    comes_back(person, before, run_id)


async def test_so_it_is_where_the_ledger_s_tables_are_gone_too(person: Person) -> None:
    before = person.database.row_set_hash(TABLE)
    run_id = await migrated(person.database)
    person.database.execute(
        "DROP TABLE roleshift.ledger_version, roleshift.migration_rollback_log, roleshift.migration_backup,"
        " roleshift.migration_execution_log, roleshift.migration_run,"
        " roleshift.migration_validation_functions CASCADE"
    )
    comes_back(person, before, run_id)


async def test_the_store_alone_is_enough(person: Person, tmp_path: Path) -> None:
    before = person.database.row_set_hash(TABLE)
    run_id = await migrated_with_archive(person.database, tmp_path / "store")
    person.database.execute("DROP SCHEMA roleshift CASCADE")
    comes_back(person, before, run_id, f"--store=file://{tmp_path}/store/archive")


async def test_it_may_be_a_bucket_with_the_environment_s_credentials(
    person: Person, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = person.database.row_set_hash(TABLE)
    store = bucket.address("alone")
    async with phases_on(person.database, archived(store)) as run:
        run.store = store
        await run.until(Phase.DONE)
        run_id = run.run.run_id
    person.database.execute("DROP SCHEMA roleshift CASCADE")
    for name, value in bucket.config.items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    comes_back(person, before, run_id, "--store=s3://backups/alone")


async def test_what_people_changed_since_is_left_and_told(person: Person) -> None:
    run_id = await migrated(person.database)
    person.database.execute(LOSE_THE_LEDGER)
    person.database.execute(f"UPDATE {TABLE} SET role = 'manager' WHERE id = 1")
    done = person.restore(run_id)
    assert done.returncode == 0, done.stderr
    assert "39 rows restored; 1 were left" in done.stdout
    assert person.database.query(CONFLICTS) == [([1],)]


@pytest.mark.parametrize("ledger", ["with its ledger", "without"])
async def test_a_restored_database_has_to_be_named_as_such(
    person: Person, tmp_path: Path, ledger: str
) -> None:
    before = person.database.row_set_hash(TABLE)
    run_id = await migrated(person.database)
    if ledger == "without":
        person.database.execute(LOSE_THE_LEDGER)
    elsewhere = dumped_and_restored(person.database, tmp_path)
    try:
        there = Person(tmp_path, elsewhere)
        standing = elsewhere.row_set_hash(TABLE)
        is_refused(there.restore(run_id), "was made in another database", elsewhere, standing)
        comes_back(there, before, run_id, "--any-database")
    finally:
        elsewhere.server.drop_database(elsewhere.name)


async def test_a_comment_that_was_altered_is_not_believed(person: Person) -> None:
    run_id = await migrated(person.database)
    standing = person.database.row_set_hash(TABLE)
    ((name,),) = person.database.query("SELECT name FROM roleshift.migration_backup")
    person.database.execute(LOSE_THE_LEDGER)
    ((said,),) = person.database.query(f"SELECT obj_description('roleshift.{name}'::regclass)")
    altered = said.replace('"rows": 40', '"rows": 39').replace("'", "''")
    person.database.execute(f"COMMENT ON TABLE roleshift.{name} IS '{altered}'")
    is_refused(person.restore(run_id), "was altered since it was written", person.database, standing)


async def test_an_altered_image_is_refused(person: Person) -> None:
    run_id = await migrated(person.database)
    standing = person.database.row_set_hash(TABLE)
    ((name,),) = person.database.query("SELECT name FROM roleshift.migration_backup")
    person.database.execute(f"{LOSE_THE_LEDGER}; UPDATE roleshift.{name} SET role = 'admin' WHERE key_1 = 1")
    is_refused(person.restore(run_id), "nothing was restored from it", person.database, standing)


async def test_a_run_that_a_later_one_supersedes_is_refused(person: Person) -> None:
    run_id = await migrated(person.database)
    again = [{"from": "developer", "to": "developer", "seniority": "lead"}]
    spec = spec_of(mappings=again, unmappedRoles="Keep")
    async with phases_on(person.database, spec, name="later") as later:
        await later.until(Phase.DONE)
    standing = person.database.row_set_hash(TABLE)
    is_refused(person.restore(run_id), "restore that one first", person.database, standing)


async def test_it_is_done_once(person: Person) -> None:
    before = person.database.row_set_hash(TABLE)
    run_id = await migrated(person.database)
    comes_back(person, before, run_id)
    is_refused(person.restore(run_id), "is in phase RolledBack", person.database, before)


def test_a_run_that_nobody_knows_is_named_with_what_to_do(person: Person) -> None:
    standing = person.database.row_set_hash(TABLE)
    done = person.restore("00000000-0000-4000-8000-000000000001")
    is_refused(done, "name the store of its archive with --store URL", person.database, standing)
