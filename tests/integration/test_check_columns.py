"""RoleType and MigrationColumns: the columns that a run writes are there and hold the new values."""

from typing import Any

import pytest
import yaml

from localenv.database import Database
from roleshift.api.safety import CheckName, CheckResult
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.errors import Reason
from roleshift.phases.examination import Examination
from roleshift.postgres.probes import refusals
from support.examinations import JUDGED, fallen, judgement, look, only_fallen
from support.run_phases import spec_of
from support.tables import create_user_profiles

TYPE, COLUMNS = CheckName.ROLE_TYPE, CheckName.MIGRATION_COLUMNS
MAPPING = [{"from": "a", "to": "administrator", "seniority": "lead"}]


@pytest.fixture
def database(emptied_database: Database) -> Database:
    """A database of these tests' own, emptied after each."""
    return emptied_database


async def look_at(database: Database, columns: str, **changes: Any) -> Examination:
    """Examine a table `users` with the columns that a test gives."""
    database.execute(f"CREATE TABLE users (id int PRIMARY KEY, {columns})")
    database.execute("INSERT INTO users (id, role) VALUES (1, 'a')")
    changes["target"] = {"table": "users", "columns": changes.pop("names", {})}
    changes["privileges"] = {"order": ["administrator", "a"]}
    return await look(database, spec_of(mappings=MAPPING, **changes))


BOOKKEEPING = "previous_role text, seniority_level text, role_migrated_at timestamptz"


class TestRoleType:
    async def test_an_enum_that_lacks_roles_names_them_and_both_ways_out(self, database: Database) -> None:
        create_user_profiles(database, 8)
        mappings = [{"from": "admin", "to": "owner"}, {"from": "manager", "to": "chief"}]
        found = await look(database, spec_of(mappings=mappings, unmappedRoles="Keep", privileges=JUDGED))
        said = judgement(found, TYPE)
        assert said.reason is Reason.ROLE_NOT_IN_TYPE
        assert said.message.startswith('user_role lacks "owner", "chief"')
        assert "spec.schemaChanges: AddMissing" in said.message
        assert "ALTER TYPE public.user_role ADD VALUE" in said.message

    async def test_missing_labels_pass_when_the_plan_adds_them(self, database: Database) -> None:
        create_user_profiles(database, 8)
        mappings = [{"from": "admin", "to": "owner"}]
        changes = {"mappings": mappings, "unmappedRoles": "Keep", "schemaChanges": "AddMissing"}
        found = await look(database, spec_of(privileges={"order": ["owner", "admin"]}, **changes))
        assert fallen(found) == {}
        assert found.plan is not None
        assert found.plan.statements[0] == "ALTER TYPE public.user_role ADD VALUE IF NOT EXISTS 'owner'"

    @pytest.mark.parametrize(
        ("role", "message"),
        [
            ("varchar(5)", "does not fit character varying(5)"),
            ("text CHECK (role IN ('a', 'b'))", "refused by constraint users_role_check"),
            ("short", "value for domain short violates check constraint"),
            ("known", "value for domain known violates check constraint"),
            ("kind CHECK (role <> 'administrator')", "refused by constraint users_role_check"),
        ],
        ids=["varchar", "check constraint", "domain", "domain over an enum", "enum with a check constraint"],
    )
    async def test_a_type_that_refuses_a_new_role_fails_with_what_refuses_it(
        self, database: Database, role: str, message: str
    ) -> None:
        database.execute("CREATE DOMAIN short AS text CHECK (length(VALUE) < 6)")
        database.execute("CREATE TYPE kind AS ENUM ('a', 'administrator')")
        database.execute("CREATE DOMAIN known AS kind CHECK (VALUE <> 'administrator')")
        said = only_fallen(await look_at(database, f"role {role}, {BOOKKEEPING}"), TYPE)
        assert said.reason is Reason.ROLE_NOT_IN_TYPE
        assert said.message.startswith(f'column "role" refuses "administrator" ({message}')

    async def test_a_label_that_is_too_long_to_be_added_fails(self, database: Database) -> None:
        create_user_profiles(database, 8)
        mappings = [{"from": "admin", "to": "ö" * 32}]
        spec = spec_of(mappings=mappings, unmappedRoles="Keep", schemaChanges="AddMissing")
        said = judgement(await look(database, spec), TYPE)
        assert said.reason is Reason.ROLE_NOT_IN_TYPE
        assert "a label has at most 63 bytes" in said.message

    @pytest.mark.parametrize(
        ("seniority", "message"),
        [
            ("varchar(3)", "does not fit character varying(3)"),
            ("level", "invalid input value for enum level"),
            ("text CHECK (seniority_level <> 'lead')", "refused by constraint"),
        ],
    )
    async def test_a_seniority_that_its_column_refuses_fails(
        self, database: Database, seniority: str, message: str
    ) -> None:
        database.execute("CREATE TYPE level AS ENUM ('junior')")
        columns = f"role text, previous_role text, seniority_level {seniority}, role_migrated_at timestamptz"
        said = only_fallen(await look_at(database, columns), TYPE)
        assert said.message.startswith(f'column "seniority_level" refuses "lead" ({message}')

    @pytest.mark.parametrize(
        ("previous", "message"),
        [
            ("varchar(3)", "does not fit character varying(3)"),
            ("kind", "invalid input value for enum kind"),
        ],
    )
    async def test_a_column_that_can_not_keep_an_old_role_fails(
        self, database: Database, previous: str, message: str
    ) -> None:
        database.execute("CREATE TYPE kind AS ENUM ('a')")
        columns = f"role text, previous_role {previous}, seniority_level text, role_migrated_at timestamptz"
        database.execute(f"CREATE TABLE users (id int PRIMARY KEY, {columns})")
        database.execute("INSERT INTO users VALUES (1, 'a role that is long')")
        mappings = [{"from": "a role that is long", "to": "b"}, {"from": "nobody's role", "to": "b"}]
        spec = spec_of(target={"table": "users"}, mappings=mappings)
        said = judgement(await look(database, spec), TYPE)
        assert said.result is CheckResult.FAILED
        assert said.message.startswith(f'column "previous_role" refuses "a role that is long" ({message}')
        assert "nobody's role" not in said.message

    @pytest.mark.parametrize(
        ("columns", "reason", "message"),
        [
            ("role int", Reason.ROLE_NOT_IN_TYPE, '"role" is of type integer'),
            ("role int[]", Reason.ROLE_NOT_IN_TYPE, '"role" is of type integer[]'),
            (
                "kind text, role text GENERATED ALWAYS AS (lower(kind)) STORED",
                Reason.ROLE_NOT_IN_TYPE,
                '"role" is computed by the server',
            ),
        ],
    )
    async def test_a_column_that_can_not_hold_a_role_fails(
        self, database: Database, columns: str, reason: Reason, message: str
    ) -> None:
        database.execute(f"CREATE TABLE users (id int PRIMARY KEY, {columns}, {BOOKKEEPING})")
        said = judgement(await look(database, spec_of(target={"table": "users"})), TYPE)
        assert said.reason is reason
        assert message in said.message

    async def test_an_array_of_arrays_fails(self, database: Database) -> None:
        database.execute(f"CREATE TABLE users (id int PRIMARY KEY, role text[], {BOOKKEEPING})")
        database.execute("INSERT INTO users VALUES (1, '{{junior_dev},{admin}}'), (2, '{admin}')")
        said = judgement(await look(database, spec_of(target={"table": "users"})), TYPE)
        assert said.reason is Reason.ROLE_NOT_IN_TYPE
        assert said.message.startswith("1 row holds an array of more than one dimension")

    async def test_an_array_that_refuses_a_new_role_fails(self, database: Database) -> None:
        database.execute("CREATE TYPE kind AS ENUM ('junior_dev', 'developer')")
        database.execute(f"CREATE TABLE users (id int PRIMARY KEY, role kind[], {BOOKKEEPING})")
        mappings = [{"from": "junior_dev", "to": "lead"}]
        spec = spec_of(target={"table": "users", "columns": {"previousRole": ""}}, mappings=mappings)
        said = judgement(await look(database, spec), TYPE)
        assert said.reason is Reason.ROLE_NOT_IN_TYPE
        assert 'kind[] lacks "lead"' in said.message


class TestMigrationColumns:
    async def test_the_message_prints_both_answers_as_yaml(self, database: Database) -> None:
        found = await look_at(database, "role text, seniority_level text")
        said = only_fallen(found, COLUMNS)
        assert said.reason is Reason.MIGRATION_COLUMNS_MISSING
        assert 'public.users has no column "previous_role", "role_migrated_at"' in said.message
        first, second = (f"spec:{part}" for part in said.message.split("spec:")[1:])
        added = yaml.safe_load(first.partition("or do without")[0])
        assert added == {"spec": {"schemaChanges": "AddMissing"}}
        without = {"previousRole": "", "migratedAt": ""}
        assert yaml.safe_load(second) == {"spec": {"target": {"columns": without}}}

    async def test_missing_columns_pass_when_the_plan_adds_them(self, database: Database) -> None:
        found = await look_at(database, "role varchar(20)", schemaChanges="AddMissing")
        assert fallen(found) == {}
        assert judgement(found, COLUMNS).message == (
            "the plan adds previous_role, seniority_level, role_migrated_at"
        )
        assert found.plan is not None
        add = "ALTER TABLE public.users ADD COLUMN IF NOT EXISTS"
        assert [text.replace('"', "") for text in found.plan.statements[:3]] == [
            f"{add} previous_role character varying(20)",
            f"{add} seniority_level text",
            f"{add} role_migrated_at timestamp with time zone",
        ]

    async def test_columns_that_the_manifest_does_without_are_not_missed(self, database: Database) -> None:
        names = {"previousRole": "", "migratedAt": ""}
        assert fallen(await look_at(database, "role text, seniority_level text", names=names)) == {}

    @pytest.mark.parametrize(
        ("name", "declared", "named"),
        [
            ("previous_role", "int", "integer"),
            ("seniority_level", "jsonb", "jsonb"),
            ("role_migrated_at", "int", "integer"),
            ("role_migrated_at", "kind", "kind"),
            ("previous_role", "text GENERATED ALWAYS AS (role) STORED", "text"),
        ],
        ids=["number as role", "json as seniority", "number as time", "enum as time", "generated"],
    )
    async def test_a_column_of_an_unusable_type_fails_by_name_and_type(
        self, database: Database, name: str, declared: str, named: str
    ) -> None:
        database.execute("CREATE TYPE kind AS ENUM ('a')")
        types = {
            "previous_role": "text",
            "seniority_level": "text",
            "role_migrated_at": "date",
            name: declared,
        }
        columns = ", ".join(f"{column} {kind}" for column, kind in types.items())
        said = judgement(await look_at(database, f"role text, {columns}"), COLUMNS)
        assert said.result is CheckResult.FAILED
        assert said.reason is Reason.MIGRATION_COLUMNS_MISSING
        assert f'column "{name}" is {named}' in said.message
        assert "it has to be" in said.message


class TestHowTheServerIsAsked:
    """From version 16 on nothing fails; before, and where a constraint itself fails, one value at a time."""

    async def test_a_column_may_be_called_like_anything_in_the_question(self, database: Database) -> None:
        names = {"role": "message", "previousRole": "value", "seniority": "t", "migratedAt": ""}
        database.execute(
            "CREATE TABLE users (id int PRIMARY KEY, message varchar(5) CHECK (message <> 'x'), value text,"
            " t text); INSERT INTO users VALUES (1, 'a')"
        )
        order = {"order": ["administrator", "a"]}
        spec = spec_of(target={"table": "users", "columns": names}, mappings=MAPPING, privileges=order)
        said = only_fallen(await look(database, spec), TYPE)
        assert said.message.startswith(
            'column "message" refuses "administrator" (does not fit character varying(5))'
        )

    async def test_a_constraint_that_fails_blames_the_value_that_makes_it_fail(
        self, database: Database
    ) -> None:
        database.execute("""
            CREATE FUNCTION picky(text) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$
            BEGIN
                IF $1 = 'c' THEN RAISE 'never c'; END IF;
                RETURN true;
            END $$;
            CREATE TABLE users (id int PRIMARY KEY, role text CHECK (picky(role)));
            INSERT INTO users VALUES (1, 'a'), (2, 'd');
        """)
        spec = spec_of(
            target={"table": "users", "columns": {"previousRole": "", "seniority": "", "migratedAt": ""}},
            mappings=[{"from": "a", "to": "b"}, {"from": "d", "to": "c"}],
            privileges={"order": ["b", "c", "a", "d"]},
        )
        said = only_fallen(await look(database, spec), TYPE)
        assert said.message.startswith('column "role" refuses "c" (never c')
        assert '"b"' not in said.message

    @pytest.mark.parametrize("way", list(refusals._Way))
    async def test_both_ways_tell_the_same(
        self, database: Database, way: refusals._Way, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(refusals, "_tells_errors", lambda _: way is refusals._Way.ASK)
        database.execute("CREATE TYPE level AS ENUM ('junior', 'senior')")
        create = (
            "CREATE TABLE users (id int PRIMARY KEY, role varchar(5), previous_role text CHECK"
            " (previous_role <> 'a'), seniority_level level, role_migrated_at timestamptz);"
        )
        database.execute(create + "INSERT INTO users (id, role) VALUES (1, 'a')")
        found = await look(database, spec_of(target={"table": "users"}, mappings=MAPPING))
        refused = found.facts.refused
        assert not isinstance(refused, ProbeFailure)
        assert [(one.column, one.value) for one in refused] == [
            ("role", "administrator"),
            ("seniority_level", "lead"),
            ("previous_role", "a"),
        ]
        assert refused[0].why == "does not fit character varying(5)"
        assert refused[1].why.startswith('invalid input value for enum level: "lead"')
        assert refused[2].why == "refused by constraint users_previous_role_check"
