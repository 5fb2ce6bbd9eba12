"""RowLevelSecurity: nothing hides rows from the run, and no policy names a role that goes away."""

from collections.abc import Iterator

import pytest

from localenv.database import Database
from roleshift.api.safety import CheckName, CheckResult
from roleshift.engine.score import GateClosed
from roleshift.errors import Reason
from support.examinations import fallen, judgement, look, only_fallen
from support.tables import create_user_profiles

NAME = CheckName.ROW_LEVEL_SECURITY
ENABLE = "ALTER TABLE user_profiles ENABLE ROW LEVEL SECURITY"


@pytest.fixture
def profiles(emptied_database: Database) -> Database:
    """A table of 40 users whose roles the sample mapping names."""
    create_user_profiles(emptied_database, 40)
    return emptied_database


@pytest.fixture
def clerk(profiles: Database) -> Iterator[str]:
    """The URI of a role that has every right on the table and does not own it."""
    name = f"{profiles.owner}_clerk"
    profiles.server.create_role(name, "clerk")
    with profiles.admin() as admin:
        admin.execute(f"GRANT CREATE ON DATABASE {profiles.name} TO {name}")
        admin.execute(f"GRANT SELECT, UPDATE ON user_profiles TO {name}")
    yield profiles.server.uri(profiles.name, name, "clerk", sslmode="disable")
    with profiles.admin() as admin:
        admin.execute(f"DROP OWNED BY {name}")
        admin.execute(f"DROP ROLE {name}")


async def test_a_policy_that_hides_rows_fails_and_can_not_be_waived(profiles: Database, clerk: str) -> None:
    profiles.execute(ENABLE)
    profiles.execute("CREATE POLICY few ON user_profiles USING (id < 5)")
    found = await look(profiles, uri=clerk)
    said = judgement(found, NAME)
    assert (said.result, said.reason, said.waivable) == (CheckResult.FAILED, Reason.PERMISSION_DENIED, False)
    user = f'"{profiles.owner}_clerk"'
    assert said.message == (
        f"row-level security of public.user_profiles is enabled, and {user} is neither its owner nor "
        f"BYPASSRLS, so rows would be hidden from the run: ALTER ROLE {user} BYPASSRLS, or run as the owner"
    )


async def test_what_can_not_be_counted_therefore_points_to_it(profiles: Database, clerk: str) -> None:
    profiles.execute(ENABLE)
    found = await look(profiles, uri=clerk)
    assert {result for name, result in fallen(found).items() if name is not NAME} == {CheckResult.UNKNOWN}
    for name in (CheckName.USER_PROFILES, CheckName.ROLE_CONSISTENCY, CheckName.ROLE_TYPE):
        assert "until RowLevelSecurity passes" in judgement(found, name).message, name
    assert isinstance(found.gate, GateClosed)
    assert found.gate.message.startswith("RowLevelSecurity: row-level security of public.user_profiles")


async def test_a_forced_policy_hides_rows_from_the_owner(profiles: Database) -> None:
    profiles.execute(f"{ENABLE}, FORCE ROW LEVEL SECURITY")
    said = judgement(await look(profiles), NAME)
    assert said.result is CheckResult.FAILED
    assert f'is forced upon its owner ("{profiles.owner}")' in said.message
    assert "ALTER TABLE public.user_profiles NO FORCE ROW LEVEL SECURITY" in said.message


async def test_the_owner_and_whoever_may_bypass_policies_sees_every_row(
    profiles: Database, clerk: str
) -> None:
    profiles.execute(ENABLE)
    owners = judgement(await look(profiles), NAME)
    assert owners.result is CheckResult.PASSED
    assert owners.message == (
        f'row-level security of public.user_profiles hides no row from "{profiles.owner}"'
    )
    with profiles.admin() as admin:
        admin.execute(f"ALTER ROLE {profiles.owner}_clerk BYPASSRLS")
    assert fallen(await look(profiles, uri=clerk)) == {}


async def test_without_row_level_security_it_passes(profiles: Database) -> None:
    found = await look(profiles)
    assert fallen(found) == {}
    assert judgement(found, NAME).message == "public.user_profiles has no row-level security"


async def test_policies_that_name_a_role_which_goes_away_fail_and_can_be_waived(profiles: Database) -> None:
    profiles.execute("CREATE TABLE papers (id int, owner text)")
    profiles.execute(
        "CREATE POLICY own ON user_profiles USING (role = 'senior_dev');"
        "CREATE POLICY \"for managers\" ON papers FOR UPDATE USING (owner = 'me')"
        " WITH CHECK (owner = ANY ('{boss,manager}'::text[]));"
        "CREATE POLICY for_admins ON papers FOR SELECT USING (owner = 'admin' OR owner = 'managers')"
    )
    said = only_fallen(await look(profiles), NAME)
    assert said.waivable
    assert said.message == (
        'policies name roles that go away: for managers on public.papers names "manager" (USING (owner = '
        "'me'::text) WITH CHECK (owner = ANY ('{boss,manager}'::text[]))); own on public.user_profiles names "
        "\"senior_dev\" (USING (role = 'senior_dev'::user_role)); change these policies together with the "
        "roles, or add a waiver in spec.checks.waivers"
    )


async def test_a_server_that_does_not_tell_is_unknown(database: Database) -> None:
    create_user_profiles(database, 8)
    with database.admin() as admin:
        admin.execute("REVOKE SELECT ON pg_catalog.pg_policy FROM PUBLIC")
    found = await look(database)
    assert fallen(found) == dict.fromkeys([NAME, CheckName.TRIGGERS_AND_DEPENDENCIES], CheckResult.UNKNOWN)
    assert "permission denied for table pg_policy" in judgement(found, NAME).message


async def test_it_works_on_postgresql_16(database16: Database) -> None:
    create_user_profiles(database16, 8)
    database16.execute(f"{ENABLE}, FORCE ROW LEVEL SECURITY")
    assert judgement(await look(database16), NAME).result is CheckResult.FAILED
