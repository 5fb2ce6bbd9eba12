"""RecentBackup: a server that archives its WAL did so lately; one that doesn't can't tell."""

from collections.abc import Iterator

import pytest

from localenv.database import Database
from localenv.postgres import PostgresServer
from localenv.wait import wait_until
from roleshift.api.safety import CheckName, CheckResult
from roleshift.checks.backup import RECENT_SECONDS, recent_backup
from roleshift.checks.subject import Subject
from roleshift.engine.checks import Healing, Judgement
from roleshift.engine.facts.backup import ArchiverFacts, BackupFacts
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.look import NOT_REACHED, Facts
from support.examinations import JUDGED, fallen, judgement, look
from support.run_phases import spec_of
from support.tables import create_user_profiles

NAME = CheckName.RECENT_BACKUP


@pytest.fixture(scope="module")
def archiving() -> Iterator[PostgresServer]:
    """A server of these tests' own that archives."""
    with PostgresServer(18, {"archive_mode": "on", "archive_command": "true"}) as server:
        yield server


@pytest.fixture
def archived(archiving: PostgresServer) -> Iterator[Database]:
    """A database on it; the archiver has done nothing yet."""
    created = Database.create(archiving)
    create_user_profiles(created, 8)
    with created.admin() as admin:
        admin.execute("SELECT pg_stat_reset_shared('archiver')")
    yield created
    created.drop()


def switch(database: Database, until: str) -> None:
    """End a WAL segment, and wait for what the archiver does with it."""
    with database.admin() as admin:
        admin.execute("SELECT pg_logical_emit_message(false, 'test', 'something to archive')")
        admin.execute("SELECT pg_switch_wal()")
        seen = f"SELECT {until} > 0 FROM pg_stat_archiver"
        wait_until(lambda: admin.execute(seen).fetchone() == (True,), 30, until)


async def test_without_archiving_nothing_can_be_told(database: Database) -> None:
    create_user_profiles(database, 8)
    said = judgement(await look(database), NAME)
    assert said.result is CheckResult.UNKNOWN
    assert "archive_mode is off" in said.message
    assert "archive_mode = on with an archive_command would" in said.message


async def test_nothing_archived_yet_can_not_be_told_either(archived: Database) -> None:
    said = judgement(await look(archived), NAME)
    assert said.result is CheckResult.UNKNOWN
    assert "archived nothing since its statistics were reset" in said.message


async def test_what_was_archived_a_moment_ago_is_recent(archived: Database) -> None:
    switch(archived, "archived_count")
    said = judgement(await look(archived), NAME)
    assert said.result is CheckResult.PASSED
    assert "was archived 0.0 hours ago (limit 24); a base backup can't be seen" in said.message


async def test_an_archiver_that_fails_is_found(archived: Database) -> None:
    archived.server.configure({"archive_command": "false"})
    switch(archived, "failed_count")
    said = judgement(await look(archived), NAME)
    archived.server.configure({"archive_command": "true"})
    assert (said.result, said.healing) == (CheckResult.FAILED, Healing.BY_ITSELF)
    assert "the archiver fails, lately for 0000" in said.message
    switch(archived, "archived_count")
    assert judgement(await look(archived), NAME).result is CheckResult.PASSED


async def test_archiving_to_nowhere_is_found(archived: Database) -> None:
    archived.server.configure({"archive_command": ""})
    with archived.admin() as admin:
        shown = "SELECT current_setting('archive_command') = ''"
        wait_until(lambda: archived.query(shown) == [(True,)], 10, "the setting is read")
        assert admin.execute(shown).fetchone() == (True,)
    said = judgement(await look(archived), NAME)
    archived.server.configure({"archive_command": "true"})
    wait_until(lambda: archived.query(shown) == [(False,)], 10, "the setting is read")
    assert said.result is CheckResult.FAILED
    assert "neither archive_command nor archive_library is set" in said.message


async def test_a_view_that_is_denied_is_unknown(database: Database) -> None:
    create_user_profiles(database, 8)
    with database.admin() as admin:
        admin.execute("REVOKE SELECT ON pg_catalog.pg_stat_archiver FROM PUBLIC")
    found = await look(database)
    assert fallen(found) == {}, "its neighbours stand"
    said = judgement(found, NAME)
    assert said.result is CheckResult.UNKNOWN
    assert "permission denied for view pg_stat_archiver" in said.message


class TestAge:
    """A day can't be waited for."""

    @pytest.mark.parametrize(
        ("seconds", "waiting", "result"),
        [
            (RECENT_SECONDS, 5, CheckResult.PASSED),
            (RECENT_SECONDS + 1, 5, CheckResult.FAILED),
            (RECENT_SECONDS + 1, None, CheckResult.FAILED),
            (10 * RECENT_SECONDS, 0, CheckResult.PASSED),
        ],
    )
    def test_a_day_is_recent_and_so_is_nothing_to_archive(
        self, seconds: float, waiting: int | None, result: CheckResult
    ) -> None:
        assert judged(ArchiverFacts("on", True, seconds, "1", None, False, waiting)).result is result

    def test_a_probe_that_fails_is_unknown(self) -> None:
        assert judged(NOT_REACHED).result is CheckResult.UNKNOWN


def judged(facts: ArchiverFacts | ProbeFailure) -> Judgement:
    found = Facts(NOT_REACHED, NOT_REACHED, backup=BackupFacts(archiver=facts))
    return recent_backup(Subject(spec_of(privileges=JUDGED), found))


async def test_what_waits_is_counted(archived: Database) -> None:
    switch(archived, "archived_count")
    found = (await look(archived)).facts.backup.archiver
    assert isinstance(found, ArchiverFacts)
    assert found.waiting == 0
    archived.server.configure({"archive_command": "false"})
    switch(archived, "failed_count")
    found = (await look(archived)).facts.backup.archiver
    archived.server.configure({"archive_command": "true"})
    assert isinstance(found, ArchiverFacts)
    assert (found.waiting, found.failing) == (1, True)
