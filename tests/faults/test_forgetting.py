"""An operator that is killed while it forgets what was copied: all of it is forgotten, or nothing."""

from collections.abc import Iterator

import pytest

from localenv.database import Database
from localenv.wait import wait_until
from roleshift.engine.requests import FORGET
from support.copies import copied_as_template, everything_in, images_in, lead_to
from support.migrations import condition_of
from support.stage import CATCH_UP_SECONDS, Stage, restart

_HELD = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
_RUNS = "SELECT attempt, phase, forgotten_at IS NOT NULL FROM roleshift.migration_run ORDER BY attempt"


@pytest.fixture
def copy(stage: Stage) -> Iterator[Database]:
    """A copy of the database of a Done run."""
    stage.start()
    stage.apply()
    stage.assert_done()
    copied = copied_as_template(stage.database)
    yield copied
    copied.drop()


def test_a_kill_while_a_copied_run_is_forgotten_leaves_all_of_it_or_nothing(
    stage: Stage, copy: Database
) -> None:
    operator = stage.start()
    lead_to(stage.migration, copy)
    stage.migration.wait_for_reason("ForeignRun")
    before, (image,) = everything_in(copy), images_in(copy)
    with copy.connect() as reader:
        reader.execute(f"BEGIN; SELECT FROM roleshift.{image[0]}".encode())
        stage.migration.patch(annotations={FORGET: "2126-11-23T10:00:00Z"})
        wait_until(
            lambda: stage.database.query(_HELD, [copy.name]) == [(1,)], 10, "the image is to be dropped"
        )
        operator.kill9()
        reader.execute("COMMIT")
    wait_until(lambda: stage.database.query(_HELD, [copy.name]) == [(0,)], 10, "its backend is gone")
    assert everything_in(copy) == before
    operator.start()
    operator.wait_ready()
    stage.migration.wait_for_reason("MigrationCompleted", deadline=CATCH_UP_SECONDS)
    assert copy.query(_RUNS) == [(1, "Done", True), (2, "Done", False)]
    assert image not in images_in(copy)
    restart(operator)
    stage.migration.patch(annotations={"reconcile.fluxcd.io/requestedAt": "1"})
    stage.migration.wait_for(lambda s: s.get("lastHandledReconcileAt") == "1", "it is looked at")
    assert copy.query(_RUNS) == [(1, "Done", True), (2, "Done", False)]


def test_a_reader_of_the_image_only_delays_it(stage: Stage, copy: Database) -> None:
    lead_to(stage.migration, copy)
    stage.migration.wait_for_reason("ForeignRun")
    (image,) = images_in(copy)
    with copy.connect() as reader:
        reader.execute(f"BEGIN; SELECT FROM roleshift.{image[0]}".encode())
        stage.migration.patch(annotations={FORGET: "2126-11-23T10:00:00Z"})
        status = stage.migration.wait_for(
            lambda s: "could not be forgotten yet: LockTimeout" in condition_of(s, "Ready")["message"],
            "it says what it waits for",
        )
        assert condition_of(status, "Stalled")["reason"] == "ForeignRun"
        assert copy.query(_RUNS) == [(1, "Done", False)]
        reader.execute("COMMIT")
    stage.migration.wait_for_reason("MigrationCompleted", deadline=20)
