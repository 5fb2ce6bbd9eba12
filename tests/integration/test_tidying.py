"""A verified run leaves a table without dead rows, whose new roles the planner knows."""

from localenv.database import Database
from roleshift.api import Phase
from support.run_phases import phases_on

COMMON = "SELECT most_common_vals::text FROM pg_stats WHERE tablename = 'user_profiles' AND attname = 'role'"
PAGES = "SELECT relallvisible, relpages FROM pg_class WHERE relname = 'user_profiles'"


async def test_every_page_is_clean_and_the_new_roles_are_known(profiles: Database) -> None:
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
    ((visible, pages),) = profiles.query(PAGES)
    assert visible == pages > 0
    ((common,),) = profiles.query(COMMON)
    assert "developer" in common
    assert "junior_dev" not in common


async def test_a_table_that_somebody_else_vacuums_is_left_to_them(profiles: Database) -> None:
    with profiles.connect() as other:
        async with phases_on(profiles) as run:
            await run.until(Phase.VALIDATING)
            other.execute("BEGIN; LOCK TABLE user_profiles IN SHARE UPDATE EXCLUSIVE MODE")
            await run.until(Phase.DONE)
    ((visible, _),) = profiles.query(PAGES)
    assert visible == 0


async def test_a_role_that_may_not_is_no_failure(profiles: Database) -> None:
    role = f"{profiles.name}_worker"
    profiles.server.create_role(role, "canary")
    with profiles.admin() as admin:
        admin.execute(f"GRANT SELECT, UPDATE ON user_profiles TO {role}")
        admin.execute(f"GRANT CREATE ON DATABASE {profiles.name} TO {role}")
    uri = profiles.server.uri(profiles.name, role, "canary", sslmode="disable")
    async with phases_on(profiles, uri=uri) as run:
        await run.until(Phase.DONE)
        assert run.control.is_usable
