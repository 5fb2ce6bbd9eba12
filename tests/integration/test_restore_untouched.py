"""A table that nobody has touched since comes back in one pass, from its own notes where they do."""

import pytest

from localenv.database import Database
from roleshift.api import Phase, RollbackResult
from roleshift.engine.outcome import Advance, Undo
from roleshift.postgres import noted_roles
from roleshift.postgres.restore import Restoration, Restored
from roleshift.postgres.session import Session
from support.run_phases import phases_on, spec_of
from support.sabotage import once_it_is_verified


@pytest.fixture
def from_notes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows that were restored from notes, whether or not that stayed."""
    seen, restore = [], noted_roles.restore

    async def watched(session: Session, what: Restoration, rows: int) -> Restored:
        seen.append(rows)
        return await restore(session, what, rows)

    monkeypatch.setattr(noted_roles, "restore", watched)
    return seen


async def comes_back(profiles: Database, **changes: object) -> None:
    before = profiles.row_set_hash("user_profiles")
    async with phases_on(profiles, spec_of(**changes)) as run:
        await run.until(Phase.DONE)
        assert isinstance(await run.roll_back(), Advance)
        assert run.run.rollback is not None
        assert run.run.rollback.result is RollbackResult.COMPLETE
        assert run.run.image is not None
        assert run.run.rollback.rows_restored == run.run.image.rows
    assert profiles.row_set_hash("user_profiles") == before


async def test_roles_come_back_from_where_the_table_notes_them(
    profiles: Database, from_notes: list[int]
) -> None:
    await comes_back(profiles)
    assert len(from_notes) == 1


@pytest.mark.parametrize("kind", ["text", "varchar(40)", "char(20)"])
async def test_notes_of_another_type_do_as_long_as_it_holds_a_role(
    profiles: Database, from_notes: list[int], kind: str
) -> None:
    profiles.execute(f"ALTER TABLE user_profiles ALTER COLUMN previous_role TYPE {kind}")
    await comes_back(profiles)
    assert len(from_notes) == 1


@pytest.mark.parametrize("note", ["NULL", "'nobody'", "reverse('nimda')"], ids=["none", "no role", "another"])
async def test_notes_that_are_not_what_the_image_has_are_undone_and_the_image_is_taken(
    profiles: Database, from_notes: list[int], note: str
) -> None:
    profiles.execute("ALTER TABLE user_profiles ALTER COLUMN previous_role TYPE text")
    before = profiles.row_set_hash("user_profiles")
    async with phases_on(profiles) as run:
        change = f"UPDATE user_profiles SET previous_role = {note} WHERE id = 4;"
        once_it_is_verified(profiles, "Migrating", change)
        await run.until(Phase.VALIDATING)
        assert isinstance(await run.validate(), Undo)
        assert isinstance(await run.roll_back(), Advance)
    assert profiles.row_set_hash("user_profiles") == before
    assert len(from_notes) == 1


@pytest.mark.parametrize("column", ["previous_role", "seniority_level", "role_migrated_at"])
async def test_what_stood_in_a_column_before_comes_from_the_image(
    profiles: Database, from_notes: list[int], column: str
) -> None:
    value = "now()" if column == "role_migrated_at" else "'admin'"
    profiles.execute(f"UPDATE user_profiles SET {column} = {value} WHERE id % 7 = 0")
    await comes_back(profiles)
    assert from_notes == []


async def test_without_a_column_for_them_roles_come_from_the_image(
    profiles: Database, from_notes: list[int]
) -> None:
    await comes_back(profiles, target={"columns": {"previousRole": ""}})
    assert from_notes == []


async def test_one_touched_row_is_enough_to_look_at_every_row(
    profiles: Database, from_notes: list[int]
) -> None:
    async with phases_on(profiles) as run:
        await run.until(Phase.DONE)
        profiles.execute("UPDATE user_profiles SET previous_role = 'admin' WHERE id = 1")
        assert isinstance(await run.roll_back(), Advance)
        assert run.run.rollback is not None
        assert run.run.rollback.conflicts == 1
    assert from_notes == []
