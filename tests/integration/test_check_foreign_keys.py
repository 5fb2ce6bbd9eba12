"""ForeignKeys: the server vouches for every foreign key, and every assignment has its user."""

from typing import Any

import pytest

from localenv.database import Database
from roleshift.api.safety import CheckName, CheckResult
from roleshift.errors import Reason
from support.examinations import JUDGED, fallen, judgement, look, only_fallen
from support.run_phases import spec_of
from support.tables import create_user_profiles

NAME = CheckName.FOREIGN_KEYS
SESSIONS = "CREATE TABLE sessions (id int, user_id bigint); INSERT INTO sessions VALUES (1, 4), (2, 4);"
REFERS = "ALTER TABLE sessions ADD CONSTRAINT of_user FOREIGN KEY (user_id) REFERENCES user_profiles"
WITHOUT_GRANT = {NAME: CheckResult.UNKNOWN, CheckName.BACKUP_PERMISSIONS: CheckResult.FAILED}
"""What can't be read can't be judged; the missing grant is named beside it."""
ORPHANS = "INSERT INTO sessions VALUES (3, 77), (4, 78), (5, NULL);"


@pytest.fixture
def profiles(emptied_database: Database) -> Database:
    """A table of 40 users whose roles the sample mapping names."""
    create_user_profiles(emptied_database, 40)
    return emptied_database


def with_assignments(*entries: dict[str, str], **target: Any) -> Any:
    filled = [{"userColumn": "user_id", "roleColumn": "role", **entry} for entry in entries]
    return spec_of(privileges=JUDGED, target={"assignments": filled, **target})


class TestKeysOfOthers:
    async def test_validated_keys_pass(self, profiles: Database) -> None:
        profiles.execute(SESSIONS + REFERS)
        found = await look(profiles)
        assert fallen(found) == {}
        assert judgement(found, NAME).message.startswith("1 foreign key to and from public.user_profiles")

    async def test_one_that_is_not_valid_fails_with_its_orphans(self, profiles: Database) -> None:
        profiles.execute(SESSIONS + ORPHANS + f"{REFERS} NOT VALID")
        said = only_fallen(await look(profiles), NAME)
        assert said.message == (
            'foreign key "of_user" is NOT VALID (2 rows of public.sessions refer to nothing in '
            "public.user_profiles): correct or delete these rows, then ALTER TABLE public.sessions "
            "VALIDATE CONSTRAINT …"
        )

    async def test_one_that_is_not_valid_fails_without_orphans_too(self, profiles: Database) -> None:
        profiles.execute(SESSIONS + f"{REFERS} NOT VALID")
        said = only_fallen(await look(profiles), NAME)
        assert "(0 rows of public.sessions refer to nothing in public.user_profiles): ALTER" in said.message
        profiles.execute("ALTER TABLE sessions VALIDATE CONSTRAINT of_user")
        assert fallen(await look(profiles)) == {}

    async def test_one_that_is_not_enforced_fails(self, profiles: Database) -> None:
        profiles.execute(SESSIONS + ORPHANS + f"{REFERS} NOT ENFORCED")
        said = only_fallen(await look(profiles), NAME)
        assert said.message.startswith('foreign key "of_user" is NOT ENFORCED (2 rows of public.sessions')

    async def test_one_whose_triggers_are_disabled_fails(self, profiles: Database) -> None:
        profiles.execute(SESSIONS + REFERS)
        with profiles.admin() as admin:
            admin.execute("ALTER TABLE sessions DISABLE TRIGGER ALL")
            admin.execute(ORPHANS)
        said = only_fallen(await look(profiles), NAME)
        assert said.message.startswith('triggers of foreign key "of_user" are disabled (2 rows')

    async def test_names_and_keys_of_several_columns_are_quoted(self, emptied_database: Database) -> None:
        emptied_database.execute("""
            CREATE TABLE "User %" ("Tenant" int, "Id" int, role text, previous_role text,
                seniority_level text, role_migrated_at timestamptz, PRIMARY KEY ("Tenant", "Id"));
            CREATE TABLE "Seat's" (t int, u int);
            INSERT INTO "User %" VALUES (1, 1, 'a'), (1, 2, 'a');
            INSERT INTO "Seat's" VALUES (1, 2), (2, 1), (NULL, 5);
            ALTER TABLE "Seat's" ADD FOREIGN KEY (t, u) REFERENCES "User %" NOT VALID;
        """)
        order = {"order": ["b", "a"]}
        spec = spec_of(target={"table": "User %"}, mappings=[{"from": "a", "to": "b"}], privileges=order)
        said = only_fallen(await look(emptied_database, spec), NAME)
        assert "(1 row of public.Seat's refers to nothing in public.User %)" in said.message

    @pytest.mark.parametrize("server", ["emptied_database", "database16"])
    async def test_those_to_and_from_partitions_count(
        self, request: pytest.FixtureRequest, server: str
    ) -> None:
        database: Database = request.getfixturevalue(server)
        database.execute("""
            CREATE TABLE teams (id int PRIMARY KEY);
            CREATE TABLE users (id int PRIMARY KEY, team int, role text, previous_role text,
                seniority_level text, role_migrated_at timestamptz) PARTITION BY RANGE (id);
            CREATE TABLE first_users PARTITION OF users FOR VALUES FROM (0) TO (10);
            CREATE TABLE other_users PARTITION OF users DEFAULT;
            CREATE TABLE logins (user_id int REFERENCES users);
            CREATE TABLE badges (user_id int);
            INSERT INTO users (id, team, role) VALUES (1, 7, 'a'), (20, 7, 'a');
            INSERT INTO badges VALUES (5);
            ALTER TABLE first_users ADD CONSTRAINT in_team FOREIGN KEY (team) REFERENCES teams NOT VALID;
            ALTER TABLE badges ADD CONSTRAINT of_user FOREIGN KEY (user_id) REFERENCES first_users NOT VALID;
        """)
        order = {"order": ["b", "a"]}
        spec = spec_of(target={"table": "users"}, mappings=[{"from": "a", "to": "b"}], privileges=order)
        said = only_fallen(await look(database, spec), NAME)
        assert said.message.count("foreign key") == 2
        assert "1 row of public.first_users refers to nothing in public.teams" in said.message
        assert "1 row of public.badges refers to nothing in public.first_users" in said.message

    async def test_rows_that_may_not_be_read_are_said_not_to_be_counted(self, profiles: Database) -> None:
        with profiles.admin() as admin:
            admin.execute("CREATE TABLE sessions (user_id bigint)")
            admin.execute(f"{REFERS} NOT VALID")
        said = only_fallen(await look(profiles), NAME)
        assert 'foreign key "of_user" is NOT VALID (its rows could not be counted): ALTER' in said.message


class TestKeysThatHoldTheRole:
    async def test_every_new_role_must_be_in_the_referenced_table(self, profiles: Database) -> None:
        profiles.execute("""
            CREATE TABLE roles (name user_role PRIMARY KEY);
            INSERT INTO roles SELECT unnest(enum_range(NULL::user_role));
            ALTER TABLE user_profiles ADD CONSTRAINT known FOREIGN KEY (role) REFERENCES roles;
        """)
        assert fallen(await look(profiles)) == {}
        profiles.execute("DELETE FROM roles WHERE name IN ('lead', 'developer')")
        said = only_fallen(await look(profiles), NAME)
        assert said.message == (
            'foreign key "known": public.roles lacks the new roles "developer", "lead": insert them there, '
            "or change spec.mappings"
        )

    async def test_a_table_of_roles_that_may_not_be_read_is_unknown(self, profiles: Database) -> None:
        with profiles.admin() as admin:
            admin.execute("CREATE TABLE roles (name user_role PRIMARY KEY)")
            admin.execute("INSERT INTO roles SELECT unnest(enum_range(NULL::user_role))")
            admin.execute("ALTER TABLE user_profiles ADD FOREIGN KEY (role) REFERENCES roles")
        found = await look(profiles)
        assert fallen(found) == WITHOUT_GRANT
        said = judgement(found, NAME)
        assert said.message.startswith(
            "public.roles: could not be checked: permission denied for table roles"
        )


class TestAssignments:
    async def test_an_assignment_without_its_user_fails(self, profiles: Database) -> None:
        profiles.execute(
            'CREATE TABLE "Role Assignments" ("User" bigint, role text);'
            "INSERT INTO \"Role Assignments\" VALUES (1, 'x'), (NULL, 'x'), (77, 'x'), (78, 'x')"
        )
        spec = with_assignments({"table": "Role Assignments", "userColumn": "User"})
        said = only_fallen(await look(profiles, spec), NAME)
        assert said.message.startswith(
            "2 rows of public.Role Assignments (spec.target.assignments[0]) refer to users that"
        )
        profiles.execute('DELETE FROM "Role Assignments" WHERE "User" > 40')
        assert fallen(await look(profiles, spec)) == {}

    @pytest.mark.parametrize(
        ("entry", "message"),
        [
            ({"table": "nothing"}, "spec.target.assignments[1].table: there is no table public.nothing"),
            ({"schema": "x", "table": "a"}, "spec.target.assignments[1].table: there is no table x.a"),
            (
                {"table": "assigned", "userColumn": "uid"},
                'spec.target.assignments[1].userColumn: public.assigned has no such column (its columns: "',
            ),
            (
                {"table": "assigned", "roleColumn": "kind"},
                "spec.target.assignments[1].roleColumn: public.assigned has no such column",
            ),
            (
                {"table": "assigned", "userColumn": "uuid"},
                "spec.target.assignments[1].userColumn: its type can't be compared with that of spec.target.",
            ),
        ],
        ids=["no table", "no schema", "no user column", "no role column", "another type"],
    )
    async def test_what_is_not_there_fails_with_its_field(
        self, profiles: Database, entry: dict[str, str], message: str
    ) -> None:
        profiles.execute("CREATE TABLE assigned (user_id bigint, uuid uuid, role text)")
        said = only_fallen(await look(profiles, with_assignments({"table": "assigned"}, entry)), NAME)
        assert said.message.startswith(message)

    async def test_a_table_that_may_not_be_read_is_unknown(self, profiles: Database) -> None:
        with profiles.admin() as admin:
            admin.execute("CREATE TABLE assigned (user_id bigint, role text)")
        found = await look(profiles, with_assignments({"table": "assigned"}))
        assert fallen(found) == WITHOUT_GRANT
        said = judgement(found, NAME)
        assert said.reason is Reason.PERMISSION_DENIED
        assert said.message.startswith("public.assigned: could not be checked: permission denied for table")

    async def test_the_user_is_what_stands_beside_the_role_in_the_key(
        self, emptied_database: Database
    ) -> None:
        emptied_database.execute("""
            CREATE TABLE user_roles (tenant int, nr int, user_id int NOT NULL, role text NOT NULL,
                PRIMARY KEY (tenant, nr), UNIQUE (user_id, role));
            CREATE TABLE assigned (user_id int, role text);
            INSERT INTO user_roles VALUES (1, 1, 5, 'a');
            INSERT INTO assigned VALUES (5, 'x'), (1, 'x');
        """)
        names = {"previousRole": "", "seniority": "", "migratedAt": ""}
        assigned = [{"table": "assigned", "userColumn": "user_id", "roleColumn": "role"}]
        spec = spec_of(
            target={"table": "user_roles", "columns": names, "assignments": assigned},
            mappings=[{"from": "a", "to": "b"}],
            privileges={"order": ["b", "a"]},
        )
        said = only_fallen(await look(emptied_database, spec), NAME)
        assert said.message.startswith("1 row of public.assigned")


async def test_it_works_on_postgresql_16(database16: Database) -> None:
    create_user_profiles(database16, 8)
    database16.execute(SESSIONS + ORPHANS + f"{REFERS} NOT VALID")
    assert "is NOT VALID (2 rows" in only_fallen(await look(database16), NAME).message


class TestKeysThatReferToTheRole:
    HOLDERS = """
        ALTER TABLE user_profiles ADD UNIQUE (id, role);
        CREATE TABLE holders (id bigint, role user_role,
            CONSTRAINT of_role FOREIGN KEY (id, role) REFERENCES user_profiles (id, role) {});
        INSERT INTO holders SELECT id, role FROM user_profiles WHERE id < {};
    """

    @pytest.mark.parametrize("on_update", ["", "ON UPDATE RESTRICT", "ON UPDATE SET NULL"])
    async def test_rows_that_would_not_follow_fail(self, profiles: Database, on_update: str) -> None:
        profiles.execute(self.HOLDERS.format(on_update, 3))
        said = only_fallen(await look(profiles), NAME)
        assert said.message.startswith(
            "2 rows of public.holders would not follow the new roles: foreign key "
            '"of_role" refers to the role without ON UPDATE CASCADE'
        )

    @pytest.mark.parametrize(("on_update", "holders"), [("ON UPDATE CASCADE", 3), ("", 0)])
    async def test_rows_that_follow_and_none_at_all_pass(
        self, profiles: Database, on_update: str, holders: int
    ) -> None:
        profiles.execute(self.HOLDERS.format(on_update, holders))
        assert fallen(await look(profiles)) == {}
