"""What is wrong in the writing transaction is found before it commits, and nothing stays of it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from localenv.database import Database
from roleshift.api import Phase, RollbackResult
from roleshift.engine.outcome import Extent, Fail, Undo
from roleshift.engine.verification import Verification
from roleshift.errors import Reason
from support.run_phases import phases_on, spec_of
from support.sabotage import after_each_update, at_commit, before_each_update

TABLE = "user_profiles"
ALL = {
    "Completeness",
    "InvalidRoles",
    "Seniority",
    "TimestampConsistency",
    "UserCount",
    "RoleDistribution",
    "ForeignKeys",
    "Orphans",
    "KeepAtLeast",
}
Sabotage = Callable[[Database], None]


@pytest.fixture
def database(emptied_database: Database) -> Database:
    """A database of these tests' own, emptied after each."""
    return emptied_database


async def fails_with(database: Database, sabotage: Sabotage, *names: str, **changes: Any) -> str:
    """The message of a write that is rolled back because exactly these verifications failed."""
    async with phases_on(database, spec_of(**changes)) as run:
        await run.until(Phase.MIGRATING)
        sabotage(database)
        before = database.row_set_hash(TABLE)
        outcome = await run.migrate()
        assert isinstance(outcome, Undo), outcome
        assert (outcome.reason, outcome.extent) == (Reason.VALIDATION_FAILED, Extent.UNCOMMITTED)
        assert run.failed_verifications == set(names), outcome.message
        assert run.run.phase is Phase.ROLLED_BACK
        assert run.run.write is None
        assert run.run.rollback is not None
        assert run.run.rollback.result is RollbackResult.TRANSACTION_ROLLED_BACK
        assert not run.run.active
        assert database.row_set_hash(TABLE) == before
        return outcome.message


async def test_a_sound_write_passes_every_verification(profiles: Database) -> None:
    async with phases_on(profiles) as run:
        await run.until(Phase.VALIDATING)
        assert {result.name for result in run.run.verification} == ALL
        assert run.failed_verifications == set()


async def test_rows_that_a_rule_kept_from_being_written_are_incomplete(profiles: Database) -> None:
    def sabotage(database: Database) -> None:
        database.execute(
            "CREATE TABLE elsewhere AS SELECT id, role FROM user_profiles;"
            "CREATE RULE meddle AS ON UPDATE TO user_profiles"
            " DO INSTEAD UPDATE elsewhere SET role = NEW.role WHERE elsewhere.id = OLD.id"
        )

    message = await fails_with(profiles, sabotage, Verification.COMPLETENESS, Verification.ROLE_DISTRIBUTION)
    assert "Completeness: 40 of 40 rows were not migrated" in message


@pytest.mark.parametrize(
    ("sabotage", "names"),
    [
        (
            partial(before_each_update, body="IF NEW.id = 4 THEN NEW.role = 'admin'; END IF;"),
            {Verification.INVALID_ROLES, Verification.ROLE_DISTRIBUTION},
        ),
        (
            partial(before_each_update, body="IF NEW.id = 4 THEN NEW.previous_role = NULL; END IF;"),
            {Verification.INVALID_ROLES},
        ),
        (
            partial(
                after_each_update, of_row=4, body="UPDATE user_profiles SET role = 'admin' WHERE id = 8;"
            ),
            {Verification.INVALID_ROLES, Verification.ROLE_DISTRIBUTION},
        ),
        (
            partial(at_commit, of_row=4, body="UPDATE user_profiles SET role = 'admin' WHERE id = 8;"),
            {Verification.INVALID_ROLES, Verification.ROLE_DISTRIBUTION},
        ),
        (
            partial(before_each_update, body="NEW.seniority_level = OLD.seniority_level;"),
            {Verification.SENIORITY},
        ),
        (
            partial(before_each_update, body="NEW.role_migrated_at = now() - interval '1 s';"),
            {Verification.TIMESTAMPS},
        ),
        (
            partial(
                after_each_update,
                of_row=4,
                body="INSERT INTO user_profiles (id, email, role) VALUES (99, 'new', 'admin');",
            ),
            {Verification.USER_COUNT, Verification.ROLE_DISTRIBUTION},
        ),
        (
            partial(after_each_update, of_row=4, body="DELETE FROM user_profiles WHERE id = 8;"),
            {Verification.COMPLETENESS, Verification.USER_COUNT, Verification.ROLE_DISTRIBUTION},
        ),
        (
            partial(at_commit, of_row=4, body="DELETE FROM user_profiles WHERE id = 8;"),
            {Verification.COMPLETENESS, Verification.USER_COUNT, Verification.ROLE_DISTRIBUTION},
        ),
    ],
    ids=[
        "another role",
        "no previous role",
        "another role by a later trigger",
        "another role by a deferred trigger",
        "no seniority",
        "another time",
        "a user more",
        "a user less",
        "a user less by a deferred trigger",
    ],
)
async def test_what_a_trigger_changes_is_found(
    profiles: Database, sabotage: Sabotage, names: set[str]
) -> None:
    message = await fails_with(profiles, sabotage, *names)
    assert message.startswith("the transaction was rolled back, nothing was changed: ")


async def test_a_row_that_the_mapping_leaves_alone_must_not_change(profiles: Database) -> None:
    mappings = [{"from": "junior_dev", "to": "developer"}]
    sabotage = partial(
        after_each_update, of_row=4, body="UPDATE user_profiles SET role = 'lead' WHERE id = 3;"
    )
    message = await fails_with(
        profiles, sabotage, Verification.ROLE_DISTRIBUTION, mappings=mappings, unmappedRoles="Keep"
    )
    assert "admin: 9 instead of 10" in message
    assert "lead: 1 instead of 0" in message


async def test_a_role_that_refers_to_nothing_is_found_when_the_server_did_not_look(
    database: Database,
) -> None:
    database.execute("""
        CREATE TABLE roles (name text PRIMARY KEY);
        INSERT INTO roles VALUES ('a'), ('b'), ('c');
        CREATE TABLE user_profiles (
            id int PRIMARY KEY, role text REFERENCES roles, previous_role text,
            seniority_level text, role_migrated_at timestamptz
        );
        INSERT INTO user_profiles (id, role) VALUES (1, 'a'), (2, 'a');
    """)

    def sabotage(database: Database) -> None:
        with database.admin() as admin:
            admin.execute("ALTER TABLE user_profiles DISABLE TRIGGER ALL")
            admin.execute("DELETE FROM roles WHERE name = 'b'")

    mappings = [{"from": "a", "to": "b"}]
    message = await fails_with(database, sabotage, Verification.FOREIGN_KEYS, mappings=mappings)
    assert "user_profiles_role_fkey: 2 (before: 0)" in message


async def test_a_role_that_refers_to_nothing_is_refused_by_the_server_itself(database: Database) -> None:
    database.execute("""
        CREATE TABLE roles (name text PRIMARY KEY);
        INSERT INTO roles VALUES ('a'), ('b');
        CREATE TABLE user_profiles (
            id int PRIMARY KEY, role text REFERENCES roles DEFERRABLE INITIALLY DEFERRED, previous_role text,
            seniority_level text, role_migrated_at timestamptz
        );
        INSERT INTO user_profiles (id, role) VALUES (1, 'a'), (2, 'a');
    """)
    before = database.row_set_hash(TABLE)
    async with phases_on(database, spec_of(mappings=[{"from": "a", "to": "b"}])) as run:
        await run.until(Phase.MIGRATING)
        database.execute("DELETE FROM roles WHERE name = 'b'")
        outcome = await run.migrate()
        assert isinstance(outcome, Fail)
        assert outcome.reason is Reason.CONSTRAINT_VIOLATED
        assert "user_profiles_role_fkey" in outcome.message
        assert not [entry for entry in run.run.log if entry.outcome == "Committing"]
    assert database.row_set_hash(TABLE) == before


async def test_an_assignment_that_loses_its_user_is_an_orphan(profiles: Database) -> None:
    profiles.execute("CREATE TABLE role_assignments (user_id bigint, role text)")
    profiles.execute("INSERT INTO role_assignments VALUES (1, 'admin'), (77, 'an orphan already')")
    assignments = [{"table": "role_assignments", "userColumn": "user_id", "roleColumn": "role"}]
    sabotage = partial(
        after_each_update, of_row=4, body="INSERT INTO role_assignments VALUES (100, 'nobody');"
    )
    known = {"check": "ForeignKeys", "reason": "77 left long ago", "expires": "2999-01-01T00:00:00Z"}
    message = await fails_with(
        profiles,
        sabotage,
        Verification.ORPHANS,
        target={"assignments": assignments},
        checks={"minimumScore": 80, "waivers": [known]},
    )
    assert "public.role_assignments: 2 (before: 1)" in message


async def test_administrators_that_the_write_itself_makes_too_few_are_missed(profiles: Database) -> None:
    sabotage = partial(after_each_update, of_row=4, body="DELETE FROM user_profiles WHERE id = 7;")
    keep = {"keepAtLeast": [{"role": "admin", "count": 10}]}
    expected = (
        Verification.COMPLETENESS,
        Verification.KEEP_AT_LEAST,
        Verification.USER_COUNT,
        Verification.ROLE_DISTRIBUTION,
    )
    message = await fails_with(profiles, sabotage, *expected, privileges=keep)
    assert "admin: 9 left, 10 demanded" in message


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE roleshift.{image} SET role = 'admin' WHERE key_1 = 4",
        "DELETE FROM roleshift.{image} WHERE key_1 = 4",
        "DROP TABLE roleshift.{image}",
        "ALTER TABLE roleshift.{image} DROP COLUMN seniority",
    ],
)
async def test_nothing_is_written_without_a_sound_image(profiles: Database, tampering: str) -> None:
    before = profiles.row_set_hash(TABLE)
    async with phases_on(profiles) as run:
        await run.until(Phase.MIGRATING)
        profiles.execute(tampering.format(image=run.image_name))
        outcome = await run.migrate()
        assert isinstance(outcome, Fail), outcome
        assert outcome.reason is Reason.BACKUP_DAMAGED
        assert f"roleshift.{run.image_name}" in outcome.message
    assert profiles.row_set_hash(TABLE) == before


async def test_a_verification_whose_probe_fails_does_not_pass(profiles: Database) -> None:
    profiles.execute("CREATE TABLE role_assignments (user_id bigint, role text)")
    assignments = [{"table": "role_assignments", "userColumn": "user_id", "roleColumn": "role"}]
    before = profiles.row_set_hash(TABLE)
    async with phases_on(profiles, spec_of(target={"assignments": assignments})) as run:
        await run.until(Phase.MIGRATING)
        profiles.execute("ALTER TABLE role_assignments ALTER user_id TYPE uuid USING gen_random_uuid()")
        outcome = await run.migrate()
        assert isinstance(outcome, Fail), outcome
        assert "operator does not exist: bigint = uuid" in outcome.message
    assert profiles.row_set_hash(TABLE) == before
