"""What is wrong once the write is committed is found by Validating, and the run restores by itself."""

import pytest

from localenv.database import Database
from roleshift.api import Phase, RollbackResult
from roleshift.engine.outcome import Advance, Extent, Fail, Undo, Wait
from roleshift.engine.verification import Verification
from roleshift.errors import Reason
from support.run_phases import PhaseRun, phases_on, spec_of
from support.sabotage import once_it_is_verified

TABLE = "user_profiles"
JUDGED_AGAIN = {
    "Completeness",
    "InvalidRoles",
    "Seniority",
    "TimestampConsistency",
    "ForeignKeys",
    "Orphans",
    "BackupChecksum",
    "KeepAtLeast",
}


@pytest.fixture
def database(emptied_database: Database) -> Database:
    """A database of these tests' own, emptied after each."""
    return emptied_database


async def is_undone(run: PhaseRun, *names: str) -> None:
    """Exactly these verifications fail, and what was committed has to be undone."""
    outcome = await run.validate()
    assert isinstance(outcome, Undo), outcome
    assert (outcome.reason, outcome.extent) == (Reason.VALIDATION_FAILED, Extent.COMMITTED)
    assert run.failed_verifications == set(names), outcome.message
    assert run.run.phase is Phase.ROLLING_BACK
    assert run.run.active


async def comes_back(run: PhaseRun) -> None:
    """The run restores every row by itself and says why it did."""
    assert isinstance(await run.roll_back(), Advance)
    assert run.run.phase is Phase.ROLLED_BACK
    assert run.run.reason is Reason.VALIDATION_FAILED
    assert run.run.rollback is not None
    assert run.run.rollback.result is RollbackResult.COMPLETE
    assert run.run.rollback.trigger is Reason.VALIDATION_FAILED
    assert not run.run.active


async def test_a_sound_table_passes_every_verification_again(profiles: Database) -> None:
    async with phases_on(profiles) as run:
        await run.until(Phase.VALIDATING)
        assert isinstance(await run.validate(), Advance)
        assert {result.name for result in run.run.verification} >= JUDGED_AGAIN
        assert run.failed_verifications == set()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("role = 'admin' WHERE id = 8", Verification.INVALID_ROLES),
        ("previous_role = NULL WHERE id IN (4, 8)", Verification.INVALID_ROLES),
        ("seniority_level = NULL WHERE id = 4", Verification.SENIORITY),
        ("role_migrated_at = '2001-01-01' WHERE id = 4", Verification.TIMESTAMPS),
    ],
)
async def test_rows_that_were_committed_wrong_are_found_and_come_back(
    profiles: Database, change: str, name: Verification
) -> None:
    before = profiles.row_set_hash(TABLE)
    async with phases_on(profiles) as run:
        once_it_is_verified(profiles, "Migrating", f"UPDATE user_profiles SET {change};")
        await run.until(Phase.VALIDATING)
        await is_undone(run, name)
        await comes_back(run)
    assert profiles.row_set_hash(TABLE) == before


async def test_an_orphan_that_appears_since_is_found(profiles: Database) -> None:
    profiles.execute("CREATE TABLE role_assignments (user_id bigint, role text)")
    assignments = [{"table": "role_assignments", "userColumn": "user_id", "roleColumn": "role"}]
    before = profiles.row_set_hash(TABLE)
    async with phases_on(profiles, spec_of(target={"assignments": assignments})) as run:
        await run.until(Phase.VALIDATING)
        profiles.execute("INSERT INTO role_assignments VALUES (100, 'nobody')")
        await is_undone(run, Verification.ORPHANS)
        await comes_back(run)
    assert profiles.row_set_hash(TABLE) == before


async def test_a_role_that_refers_to_nothing_since_is_found(database: Database) -> None:
    database.execute("""
        CREATE TABLE roles (name text PRIMARY KEY);
        INSERT INTO roles VALUES ('a'), ('b');
        CREATE TABLE user_profiles (
            id int PRIMARY KEY, role text REFERENCES roles, previous_role text,
            seniority_level text, role_migrated_at timestamptz
        );
        INSERT INTO user_profiles (id, role) VALUES (1, 'a'), (2, 'a');
    """)
    before = database.row_set_hash(TABLE)
    async with phases_on(database, spec_of(mappings=[{"from": "a", "to": "b"}])) as run:
        await run.until(Phase.VALIDATING)
        with database.admin() as admin:
            admin.execute("SET session_replication_role = replica")
            admin.execute("DELETE FROM roles WHERE name = 'b'")
        await is_undone(run, Verification.FOREIGN_KEYS)
        await comes_back(run)
    assert database.row_set_hash(TABLE) == before


async def test_administrators_that_are_gone_since_are_missed(profiles: Database) -> None:
    keep = {"keepAtLeast": [{"role": "admin", "count": 10}]}
    async with phases_on(profiles, spec_of(privileges=keep)) as run:
        await run.until(Phase.VALIDATING)
        profiles.execute("DELETE FROM user_profiles WHERE id = 3")
        before = {"junior_dev": 10, "senior_dev": 10, "manager": 10, "admin": 9}
        await is_undone(run, Verification.KEEP_AT_LEAST)
        await comes_back(run)
    roles = profiles.query("SELECT role::text, count(*) FROM user_profiles GROUP BY 1")
    assert dict(roles) == before


async def test_an_assertion_that_no_longer_holds_is_found(profiles: Database) -> None:
    profiles.execute("CREATE TABLE complaints (id int)")
    assertion = {"name": "quiet", "query": "SELECT count(*) FROM complaints", "expected": "0"}
    before = profiles.row_set_hash(TABLE)
    async with phases_on(profiles, spec_of(validation={"assertions": [assertion]})) as run:
        await run.until(Phase.VALIDATING)
        assert run.verification("Assertion/quiet").message == "got '0'"
        profiles.execute("INSERT INTO complaints VALUES (1)")
        await is_undone(run, "Assertion/quiet")
        await comes_back(run)
    assert profiles.row_set_hash(TABLE) == before


@pytest.mark.parametrize(
    ("tampering", "names"),
    [
        ("UPDATE roleshift.{image} SET migrated_at = now() WHERE key_1 = 4", {Verification.BACKUP_CHECKSUM}),
        ("DELETE FROM roleshift.{image} WHERE key_1 = 4", {Verification.BACKUP_CHECKSUM}),
        (
            "UPDATE roleshift.{image} SET row_version = (SELECT max(xmin::text::bigint) FROM user_profiles)",
            {Verification.BACKUP_CHECKSUM, Verification.COMPLETENESS},
        ),
    ],
    ids=["changed", "a row less", "as if a row had never been written"],
)
async def test_an_image_that_was_altered_is_found_and_not_restored_from(
    profiles: Database, tampering: str, names: set[str]
) -> None:
    async with phases_on(profiles) as run:
        await run.until(Phase.VALIDATING)
        after = profiles.row_set_hash(TABLE)
        profiles.execute(tampering.format(image=run.image_name))
        waits = await run.validate()
        assert isinstance(waits, Wait), waits
        assert waits.reason is Reason.AWAITING_DECISION
        assert run.failed_verifications == names
        outcome = await run.roll_back()
        assert isinstance(outcome, Fail)
        assert outcome.reason is Reason.ROLLBACK_FAILED
    assert profiles.row_set_hash(TABLE) == after


async def test_what_others_did_since_is_counted_and_is_no_failure(profiles: Database) -> None:
    async with phases_on(profiles) as run:
        await run.until(Phase.VALIDATING)
        profiles.execute("UPDATE user_profiles SET role = 'admin' WHERE id IN (4, 8)")
        profiles.execute("DELETE FROM user_profiles WHERE id = 12")
        profiles.execute("INSERT INTO user_profiles (id, email, role) VALUES (99, 'new', 'lead')")
        assert isinstance(await run.validate(), Advance)
        assert run.verification(Verification.COMPLETENESS).message == (
            "all 40 rows were migrated (2 changed by others since, 1 deleted by others since)"
        )


@pytest.mark.parametrize(
    ("defect", "message"),
    [
        ("DROP TABLE roleshift.{image}", "is gone or altered"),
        ("ALTER TABLE user_profiles RENAME TO people", "does not exist"),
        ("ALTER TABLE user_profiles DROP COLUMN seniority_level", "does not exist"),
    ],
)
async def test_a_probe_that_fails_after_the_commit_makes_the_run_wait_for_a_person(
    profiles: Database, defect: str, message: str
) -> None:
    async with phases_on(profiles) as run:
        await run.until(Phase.VALIDATING)
        profiles.execute(defect.format(image=run.image_name))
        outcome = await run.validate()
        assert isinstance(outcome, Wait), outcome
        assert message in outcome.message
        assert run.run.phase is Phase.VALIDATING
        assert run.run.active
