"""Roles, types and privileges that can't be, at their limits: each is refused by name, or works."""

from typing import Any

import pytest

from localenv.database import Database
from roleshift.api import Phase, RoleMigrationSpec
from roleshift.api.safety import CheckName, CheckResult
from roleshift.engine.checks import Judgement
from roleshift.engine.outcome import Fail
from roleshift.engine.target import TargetFacts
from roleshift.errors import Reason
from support.examinations import JUDGED, fallen, judgement, look
from support.run_phases import phases_on, spec_of, there_and_back
from support.tables import create_user_profiles

TYPE, ROLES, COLUMNS = CheckName.ROLE_TYPE, CheckName.ROLE_CONSISTENCY, CheckName.MIGRATION_COLUMNS
BOOKKEEPING = "previous_role text, seniority_level text, role_migrated_at timestamptz"


@pytest.fixture
def database(emptied_database: Database) -> Database:
    """A database of these tests' own, emptied after each."""
    return emptied_database


def of_users(*mappings: tuple[str, str], **changes: Any) -> RoleMigrationSpec:
    """A manifest for the table `users`."""
    listed = [{"from": one, "to": other} for one, other in mappings]
    return spec_of(**{"target": {"table": "users"}, "mappings": listed, **changes})


def users(database: Database, role: str, *held: str, more: str = BOOKKEEPING) -> None:
    """A table of one row for each role."""
    database.execute(f"CREATE TABLE users (id int PRIMARY KEY, role {role}, {more})")
    with database.connect() as owner:
        for number, one in enumerate(held):
            owner.execute("INSERT INTO users (id, role) VALUES (%s, %s)", [number, one])


async def said_of(database: Database, name: CheckName, spec: RoleMigrationSpec) -> Judgement:
    return judgement(await look(database, spec), name)


class TestLabels:
    async def test_one_of_63_bytes_is_added_and_one_of_64_is_refused(self, database: Database) -> None:
        database.execute("CREATE TYPE kind AS ENUM ('a')")
        users(database, "kind", "a", more="x int")
        fits, too_long = "é" * 31 + "x", "é" * 32
        spec = of_users(("a", too_long), schemaChanges="AddMissing")
        refused = await said_of(database, TYPE, spec)
        assert refused.reason is Reason.ROLE_NOT_IN_TYPE
        assert refused.message.endswith("a label has at most 63 bytes; change spec.mappings")
        async with phases_on(database, of_users(("a", fits), schemaChanges="AddMissing")) as run:
            await run.until(Phase.DONE)
        assert database.query("SELECT role::text FROM users") == [(fits,)]

    async def test_one_that_differs_in_case_only_is_asked_about(self, database: Database) -> None:
        database.execute("CREATE TYPE kind AS ENUM ('a', 'Admin')")
        users(database, "kind", "a", more="x int")
        refused = await said_of(database, TYPE, of_users(("a", "admin")))
        assert refused.result is CheckResult.FAILED
        assert 'kind lacks "admin", did you mean "Admin"?: correct spec.mappings' in refused.message
        asked = await said_of(database, TYPE, of_users(("a", "admin"), schemaChanges="AddMissing"))
        assert asked.result is CheckResult.WARNING
        assert '"admin" differs from "Admin", which it has, only in case or spaces' in asked.message

    async def test_a_mistyped_one_is_answered_with_the_one_that_was_meant(self, database: Database) -> None:
        create_user_profiles(database, 4)
        spec = spec_of(mappings=[{"from": "junior_dev", "to": "develoepr"}], unmappedRoles="Keep")
        assert 'lacks "develoepr", did you mean "developer"?' in (await said_of(database, TYPE, spec)).message

    async def test_one_that_the_columns_constraint_may_refuse_warns_and_then_harms_nothing(
        self, database: Database
    ) -> None:
        """It can't be asked about before it is there: the image finds out, and is rolled back."""
        database.execute("CREATE TYPE kind AS ENUM ('a', 'b')")
        database.execute("CREATE DOMAIN known AS kind CHECK (VALUE IN ('a', 'b'))")
        users(database, "known", "a", "b")
        before = database.row_set_hash("users")
        order = {"order": ["c", "b", "a"]}
        spec = of_users(("a", "c"), schemaChanges="AddMissing", unmappedRoles="Keep", privileges=order)
        async with phases_on(database, spec) as run:
            await run.check()
            warned = run.judgement(TYPE)
            assert warned.result is CheckResult.WARNING
            assert "can't be asked before they are there" in warned.message
            await run.until(Phase.BACKING_UP)
            failed = await run.back_up()
            assert isinstance(failed, Fail)
            assert failed.reason is Reason.CONSTRAINT_VIOLATED
            assert "known_check" in failed.message
        assert database.row_set_hash("users") == before


class TestDomains:
    @pytest.mark.parametrize("changes", ["None", "AddMissing"])
    async def test_one_whose_check_refuses_a_new_role(self, database: Database, changes: str) -> None:
        database.execute("CREATE DOMAIN short AS text CHECK (length(VALUE) < 6)")
        users(database, "short", "a", more="x int")
        refused = await said_of(database, TYPE, of_users(("a", "administrator"), schemaChanges=changes))
        assert refused.reason is Reason.ROLE_NOT_IN_TYPE
        assert 'column "role" refuses "administrator" (value for domain short violates' in refused.message
        assert "change spec.mappings, or the column" in refused.message

    @pytest.mark.parametrize(
        "domain",
        [
            "CREATE DOMAIN strict AS varchar(9) NOT NULL",
            "CREATE DOMAIN strict AS varchar(9) CHECK (VALUE IS NOT NULL)",
        ],
        ids=["NOT NULL", "CHECK"],
    )
    async def test_one_that_refuses_null_gets_a_previous_role_that_can_be_empty(
        self, database: Database, domain: str
    ) -> None:
        database.execute(domain)
        users(database, "strict", "a", "b", more="x int")
        spec = of_users(("a", "c"), schemaChanges="AddMissing", unmappedRoles="Keep")

        def see() -> None:
            found = database.query("SELECT role::text, previous_role FROM users ORDER BY id")
            assert found == [("c", "a"), ("b", None)]

        async with phases_on(database, spec) as run:
            await run.until(Phase.DONE)
            see()
            await run.roll_back()
        assert database.query("SELECT role::text, previous_role FROM users ORDER BY id") == [
            ("a", None),
            ("b", None),
        ]

    async def test_one_that_refuses_nothing_is_the_type_of_the_previous_role_too(
        self, database: Database
    ) -> None:
        database.execute("CREATE DOMAIN plain AS varchar(9)")
        users(database, "plain", "a", more="x int")
        found = await look(database, of_users(("a", "c"), schemaChanges="AddMissing"))
        assert found.plan is not None
        assert found.plan.statements[0].endswith('"previous_role" plain')

    async def test_a_varchar_that_is_too_short(self, database: Database) -> None:
        users(database, "varchar(5)", "a", more="x int")
        spec = of_users(("a", "administrator"), schemaChanges="AddMissing")
        refused = await said_of(database, TYPE, spec)
        assert 'refuses "administrator" (does not fit character varying(5))' in refused.message


class TestPrivileges:
    async def test_a_mapping_that_takes_the_last_administrator_away(self, database: Database) -> None:
        create_user_profiles(database, 8)
        keep = {**JUDGED, "keepAtLeast": [{"role": "manager", "count": 1}]}
        refused = await said_of(database, ROLES, spec_of(privileges=keep))
        assert refused.reason is Reason.TOO_FEW_LEFT
        assert "spec.privileges.keepAtLeast would not hold" in refused.message
        assert "manager: 0 rows left, 1 demanded: change spec.mappings" in refused.message

    async def test_keeping_a_role_that_nobody_holds(self, database: Database) -> None:
        create_user_profiles(database, 8)
        keep = {**JUDGED, "keepAtLeast": [{"role": "Admin", "count": 1}]}
        refused = await said_of(database, ROLES, spec_of(privileges=keep))
        assert refused.reason is Reason.TOO_FEW_LEFT
        assert 'nobody holds "Admin" and no mapping names it, did you mean "admin"?' in refused.message
        assert "correct spec.privileges.keepAtLeast" in refused.message

    async def test_an_order_that_names_a_role_in_another_spelling(self, database: Database) -> None:
        create_user_profiles(database, 8)
        order = ["developer", "junior_dev", "senior_dev", "lead", "manager", "Admin"]
        warned = await said_of(database, ROLES, spec_of(privileges={"order": order}))
        assert warned.result is CheckResult.WARNING
        assert "escalations of admin are not judged" in warned.message
        assert 'spec.privileges.order does not name them, did you mean "Admin"?' in warned.message

    async def test_an_order_may_name_roles_that_nobody_holds(self, database: Database) -> None:
        create_user_profiles(database, 8)
        order = {"order": ["guest", *JUDGED["order"], "superuser"]}
        found = await look(database, spec_of(privileges=order))
        assert fallen(found) == {}


class TestNames:
    async def test_a_source_in_another_case_is_answered_with_the_one_that_is_held(
        self, database: Database
    ) -> None:
        users(database, "text", "Junior_Dev", "b")
        spec = of_users(("junior_dev", "c"), ("b", "c"), unmappedRoles="Keep")
        warned = await said_of(database, ROLES, spec)
        assert 'nobody holds junior_dev, did you mean "Junior_Dev"?: correct the spelling' in warned.message

    @pytest.mark.parametrize("held", ["ADMIN", " admin", "ａｄｍｉｎ"])
    async def test_a_target_beside_which_another_spelling_stays(self, database: Database, held: str) -> None:
        users(database, "text", "a", held)
        warned = await said_of(database, ROLES, of_users(("a", "admin"), unmappedRoles="Keep"))
        assert warned.result is CheckResult.WARNING
        assert f'"admin" differs from "{held}", which rows hold and keep' in warned.message

    async def test_a_spelling_that_is_mended_on_purpose_is_no_remark(self, database: Database) -> None:
        users(database, "text", "ADMIN", "a")
        spec = of_users(("ADMIN", "admin"), ("a", "b"), privileges={"order": ["b", "a", "admin", "ADMIN"]})
        assert fallen(await look(database, spec)) == {}

    async def test_an_empty_role_is_named_with_what_to_do(self, database: Database) -> None:
        users(database, "text", "a", "")
        refused = await said_of(database, ROLES, of_users(("a", "b")))
        assert refused.reason is Reason.UNMAPPED_ROLES
        assert '"" (1 row)' in refused.message
        assert 'no mapping can name the empty role "": UPDATE its rows first' in refused.message

    async def test_256_roles_are_migrated_and_come_back(self, database: Database) -> None:
        held = [f"rôle {number} %s 'x' \"y\" 🦊" for number in range(256)]
        users(database, "text", *held)
        spec = of_users(*((role, f"{role}!") for role in held))

        def see() -> None:
            found = database.query("SELECT role FROM users ORDER BY id")
            assert found == [(f"{role}!",) for role in held]

        await there_and_back(database, spec, see)


async def test_columns_elsewhere_that_have_the_type_are_known(database: Database) -> None:
    """A new value may be written there too from then on."""
    database.execute("CREATE TYPE kind AS ENUM ('a')")
    users(database, "kind", "a")
    database.execute('CREATE SCHEMA shop; CREATE TABLE shop.orders (id int, "For" kind, others kind[])')
    found = await look(database, of_users(("a", "b"), schemaChanges="AddMissing"))
    assert found.plan is not None
    target = found.facts.target
    assert isinstance(target, TargetFacts)
    assert target.role_type.enum_used_by == ('shop.orders."For"', "shop.orders.others")
