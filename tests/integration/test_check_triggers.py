"""TriggersAndDependencies: what fires, what swallows rows, and what was built upon the roles."""

from typing import Any

import pytest

from localenv.database import Database
from roleshift.api.safety import CheckName, CheckResult
from support.examinations import fallen, judgement, look, only_fallen
from support.gate import Gate
from support.run_phases import spec_of
from support.sabotage import after_each_update, before_each_update
from support.tables import create_user_profiles

NAME = CheckName.TRIGGERS_AND_DEPENDENCIES
PASSED, WARNING, FAILED = CheckResult.PASSED, CheckResult.WARNING, CheckResult.FAILED


@pytest.fixture
def profiles(emptied_database: Database) -> Database:
    """A table of 40 users whose roles the sample mapping names."""
    create_user_profiles(emptied_database, 40)
    return emptied_database


async def message(database: Database, result: CheckResult, **changes: Any) -> str:
    """What the check says; it comes to the result, and every other check stands."""
    if result is not PASSED:
        return only_fallen(await look(database, **changes), NAME, result).message
    found = await look(database, **changes)
    assert fallen(found) == {}
    return judgement(found, NAME).message


async def test_a_table_with_nothing_around_it_passes(profiles: Database) -> None:
    assert await message(profiles, PASSED) == (
        "nothing fires when public.user_profiles is written, and nothing depends on its roles"
    )


class TestTriggers:
    async def test_those_that_only_fire_pass_and_are_named(self, profiles: Database) -> None:
        after_each_update(profiles, "PERFORM 1;", of_row=4)
        Gate(profiles)
        assert await message(profiles, PASSED) == (
            'will fire: BEFORE UPDATE row trigger "gate" on public.user_profiles (pass_gate), '
            'AFTER UPDATE row trigger "meddle" on public.user_profiles (meddle)'
        )

    async def test_one_that_can_swallow_a_row_fails(self, profiles: Database) -> None:
        before_each_update(profiles, "IF NEW.id = 4 THEN RETURN NULL; END IF;")
        assert (await message(profiles, FAILED)).startswith(
            'BEFORE UPDATE row trigger "meddle" on public.user_profiles: meddle can return NULL, which '
            "swallows the row: let it return NEW, or ALTER TABLE … DISABLE TRIGGER for the run"
        )
        profiles.execute("ALTER TABLE user_profiles DISABLE TRIGGER meddle")
        await message(profiles, PASSED)

    async def test_one_that_assigns_what_the_run_writes_is_a_warning(self, profiles: Database) -> None:
        before_each_update(profiles, "NEW.role = OLD.role;")
        assert "meddle assigns a column that the run writes" in await message(profiles, WARNING)

    @pytest.mark.parametrize(
        "body", ["NEW := OLD;", "SELECT * INTO NEW FROM user_profiles WHERE id = OLD.id;"]
    )
    async def test_one_that_replaces_the_whole_row_is_a_warning(self, profiles: Database, body: str) -> None:
        before_each_update(profiles, body)
        assert "meddle assigns a column that the run writes" in await message(profiles, WARNING)

    async def test_one_that_writes_the_table_again_is_a_warning(self, profiles: Database) -> None:
        after_each_update(profiles, "UPDATE user_profiles SET role = OLD.role WHERE id = OLD.id;", of_row=4)
        assert "meddle assigns a column that the run writes" in await message(profiles, WARNING)

    async def test_one_that_may_refuse_the_new_role_is_a_warning(self, profiles: Database) -> None:
        before_each_update(profiles, "IF NEW.role <> OLD.role THEN RAISE EXCEPTION 'ask for it'; END IF;")
        assert (await message(profiles, WARNING)).endswith(
            "meddle looks at a column that the run writes and raises an exception, which would end the run: "
            "see that it lets the run's rows through, or ALTER TABLE … DISABLE TRIGGER for the run"
        )

    async def test_one_whose_effect_can_not_be_told_is_a_warning(self, profiles: Database) -> None:
        profiles.execute(
            "CREATE TRIGGER redundant BEFORE UPDATE ON user_profiles FOR EACH ROW"
            " EXECUTE FUNCTION suppress_redundant_updates_trigger()"
        )
        assert "whether it swallows a row can't be told" in await message(profiles, WARNING)

    @pytest.mark.parametrize(
        "event",
        ["BEFORE INSERT", "BEFORE DELETE", "BEFORE UPDATE OF email, note"],
    )
    async def test_those_that_the_write_does_not_fire_are_not_named(
        self, profiles: Database, event: str
    ) -> None:
        profiles.execute(
            "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
            f"CREATE TRIGGER other {event} ON user_profiles FOR EACH ROW EXECUTE FUNCTION nothing()"
        )
        assert (await message(profiles, PASSED)).startswith("nothing fires")

    async def test_those_of_a_foreign_key_are_not_named(self, profiles: Database) -> None:
        profiles.execute("CREATE TABLE sessions (user_id bigint REFERENCES user_profiles)")
        assert (await message(profiles, PASSED)).startswith("nothing fires")

    async def test_many_are_named_in_part(self, profiles: Database) -> None:
        profiles.execute(
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
            + "".join(
                f"CREATE TRIGGER t{n} AFTER UPDATE OF role ON user_profiles EXECUTE FUNCTION note();"
                for n in range(8)
            )
        )
        said = await message(profiles, PASSED)
        assert said.count("AFTER UPDATE statement trigger") == 5
        assert said.endswith(", and 3 more")

    async def test_those_of_one_partition_fire_too(self, emptied_database: Database) -> None:
        emptied_database.execute("""
            CREATE TABLE users (id int PRIMARY KEY, role text, previous_role text, seniority_level text,
                role_migrated_at timestamptz) PARTITION BY RANGE (id);
            CREATE TABLE first_users PARTITION OF users FOR VALUES FROM (0) TO (10);
            CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
            CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
            CREATE TRIGGER all_of_them BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION pass();
            CREATE TRIGGER few BEFORE UPDATE ON first_users FOR EACH ROW EXECUTE FUNCTION keep();
            INSERT INTO users (id, role) VALUES (1, 'a');
        """)
        order = {"order": ["b", "a"]}
        spec = spec_of(target={"table": "users"}, mappings=[{"from": "a", "to": "b"}], privileges=order)
        said = await message(emptied_database, FAILED, spec=spec)
        assert said.startswith('BEFORE UPDATE row trigger "few" on public.first_users: keep can return NULL')
        assert said.count('"all_of_them"') == 1


class TestRules:
    async def test_one_that_replaces_the_update_fails(self, profiles: Database) -> None:
        profiles.execute("CREATE RULE stop AS ON UPDATE TO user_profiles DO INSTEAD NOTHING")
        assert (await message(profiles, FAILED)).startswith(
            'rule "stop" on public.user_profiles replaces the UPDATE, so that rows would not be written: '
            "ALTER TABLE public.user_profiles DISABLE RULE for the run"
        )
        profiles.execute("ALTER TABLE user_profiles DISABLE RULE stop")
        await message(profiles, PASSED)

    async def test_one_that_adds_to_the_update_passes_and_is_named(self, profiles: Database) -> None:
        profiles.execute("""
            CREATE TABLE heard (role user_role);
            CREATE RULE hear AS ON UPDATE TO user_profiles DO ALSO INSERT INTO heard VALUES (OLD.role);
            CREATE VIEW addresses AS SELECT email FROM user_profiles;
        """)
        assert await message(profiles, PASSED) == (
            'rule "hear" on public.user_profiles will be met by the UPDATE'
        )


class TestWhatReadsTheRole:
    async def test_views_and_generated_columns_pass_and_are_named(self, profiles: Database) -> None:
        profiles.execute("""
            CREATE FUNCTION shout(user_role) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT upper($1::text)';
            ALTER TABLE user_profiles ADD loud text GENERATED ALWAYS AS (shout(role)) STORED;
            CREATE VIEW people AS SELECT id, role FROM user_profiles;
            CREATE VIEW addresses AS SELECT id, email FROM user_profiles;
        """)
        assert await message(profiles, PASSED) == (
            "generated column public.user_profiles.loud reads the role and will show the new one; "
            "view public.people reads the role and will show the new one"
        )

    async def test_a_materialized_view_passes_and_is_named(self, profiles: Database) -> None:
        profiles.execute("CREATE MATERIALIZED VIEW counts AS SELECT role FROM user_profiles")
        assert await message(profiles, PASSED) == (
            "materialized view public.counts shows the old roles until it is refreshed: "
            "REFRESH MATERIALIZED VIEW after the run"
        )


class TestWhatNamesARoleThatGoesAway:
    @pytest.mark.parametrize(
        ("statement", "says"),
        [
            (
                "CREATE VIEW seniors AS SELECT id FROM user_profiles WHERE role = 'senior_dev'",
                'view public.seniors names "senior_dev": change it together with the roles',
            ),
            (
                """CREATE VIEW people AS SELECT id, role FROM user_profiles;
                CREATE VIEW juniors AS SELECT id FROM people WHERE role::text = 'junior_dev'""",
                'view public.juniors names "junior_dev"',
            ),
            (
                "CREATE FUNCTION is_boss(r text) RETURNS bool LANGUAGE sql AS $$ SELECT r = 'manager' $$",
                'function public.is_boss names "manager"',
            ),
            (
                """CREATE FUNCTION is_boss(j jsonb) RETURNS bool LANGUAGE sql
                AS $$ SELECT j @> '{"role": "manager"}' $$""",
                'function public.is_boss names "manager"',
            ),
            (
                """CREATE FUNCTION is_boss(r text) RETURNS bool LANGUAGE sql
                AS $$ SELECT r = ANY(string_to_array('admin, manager', ', ')) $$""",
                'function public.is_boss names "manager"',
            ),
            (
                """CREATE VIEW bosses AS SELECT to_jsonb(u) AS j FROM user_profiles AS u
                WHERE to_jsonb(u) ->> 'role' = 'manager'""",
                'view public.bosses names "manager"',
            ),
            (
                """CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
                CREATE TRIGGER boss BEFORE UPDATE ON user_profiles FOR EACH ROW
                WHEN (NEW.role = 'manager') EXECUTE FUNCTION pass()""",
                'trigger boss on public.user_profiles names "manager"',
            ),
            (
                "CREATE FUNCTION is_boss(r text) RETURNS bool LANGUAGE sql RETURN r = 'manager'",
                'function public.is_boss names "manager"',
            ),
            (
                """CREATE FUNCTION is_dev(r text) RETURNS bool LANGUAGE sql
                AS $$ SELECT r = ANY ('{junior_dev,"senior_dev"}') $$""",
                'function public.is_dev names "junior_dev", "senior_dev"',
            ),
            (
                "CREATE TABLE invitations (role user_role DEFAULT 'junior_dev')",
                'default public.invitations.role names "junior_dev"',
            ),
            (
                "CREATE INDEX bosses ON user_profiles (id) WHERE role = 'manager'",
                'index bosses names "manager"',
            ),
            (
                """ALTER TABLE user_profiles
                ADD boss bool GENERATED ALWAYS AS (role = 'manager'::user_role) STORED""",
                'generated column public.user_profiles.boss names "manager"',
            ),
        ],
        ids=[
            "view",
            "view on a view",
            "function",
            "function with JSON",
            "function with a list",
            "view of whole rows",
            "condition of a trigger",
            "function body",
            "array",
            "default",
            "index",
            "generated",
        ],
    )
    async def test_it_is_a_warning(self, profiles: Database, statement: str, says: str) -> None:
        profiles.execute(statement)
        assert (await message(profiles, WARNING)).startswith(says)

    async def test_as_the_default_of_the_role_column_it_fails(self, profiles: Database) -> None:
        profiles.execute("ALTER TABLE user_profiles ALTER role SET DEFAULT 'junior_dev'")
        assert await message(profiles, FAILED) == (
            "default of the role column public.user_profiles.role is 'junior_dev'::user_role, a role that "
            "goes away, so that new rows would be born with it: ALTER COLUMN … SET DEFAULT a new role"
        )
        profiles.execute("ALTER TABLE user_profiles ALTER role SET DEFAULT 'developer'")
        await message(profiles, PASSED)

    async def test_as_the_default_of_the_role_columns_domain_it_fails(
        self, emptied_database: Database
    ) -> None:
        emptied_database.execute("""
            CREATE DOMAIN level AS text DEFAULT 'it''s a';
            CREATE TABLE users (id int PRIMARY KEY, role level, previous_role text, seniority_level text,
                role_migrated_at timestamptz);
            INSERT INTO users (id) VALUES (1);
        """)
        order = {"order": ["b", "it's a"]}
        spec = spec_of(target={"table": "users"}, mappings=[{"from": "it's a", "to": "b"}], privileges=order)
        said = await message(emptied_database, FAILED, spec=spec)
        assert said.startswith("default of the role column type level is 'it''s a'::text")

    async def test_what_stays_or_is_part_of_another_word_is_not_named(self, profiles: Database) -> None:
        profiles.execute("""
            CREATE FUNCTION is_admin(r text) RETURNS bool LANGUAGE sql AS $$ SELECT r = 'admin' $$;
            CREATE FUNCTION f(r text) RETURNS bool LANGUAGE sql AS $$ SELECT r = 'manager of all' $$;
            CREATE FUNCTION g() RETURNS text LANGUAGE sql AS $$ SELECT 'all {managers,x}' -- manager $$;
        """)
        assert (await message(profiles, PASSED)).startswith("nothing fires")


async def test_a_catalog_that_may_not_be_read_is_unknown(database: Database) -> None:
    create_user_profiles(database, 8)
    with database.admin() as admin:
        admin.execute("REVOKE SELECT ON pg_catalog.pg_language FROM PUBLIC")
    found = await look(database)
    assert judgement(found, NAME).result is CheckResult.UNKNOWN
    assert "permission denied for table pg_language" in judgement(found, NAME).message
    assert judgement(found, CheckName.ROW_LEVEL_SECURITY).result is PASSED


async def test_it_works_on_postgresql_16(database16: Database) -> None:
    create_user_profiles(database16, 8)
    before_each_update(database16, "IF NEW.id = 4 THEN RETURN NULL; END IF;")
    database16.execute("CREATE VIEW seniors AS SELECT id FROM user_profiles WHERE role = 'senior_dev'")
    said = await message(database16, FAILED)
    assert said.endswith('; view public.seniors names "senior_dev": change it together with the roles')
