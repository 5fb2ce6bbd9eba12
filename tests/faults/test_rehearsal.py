"""A rehearsal that is broken off: by kill -9, by the server, by a lock, by what people want meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager

from localenv.api import ApiError
from localenv.wait import wait_until
from support.migrations import condition_of
from support.stage import Stage, restart

REHEARSE = {"mode": "Rehearse"}
AS_WRITERS_DO = "BEGIN; LOCK TABLE user_profiles IN ROW EXCLUSIVE MODE"
"""The lock of an UPDATE, without one: the oracle would count it."""


@contextmanager
def held(stage: Stage) -> Iterator[frozenset[int]]:
    """A rehearsal in the middle of its write; its backends that wait."""
    with stage.gate.closed():
        stage.apply(**REHEARSE)
        stage.migration.wait_for_reason("Rehearsing")
        yield stage.gate.wait_for_visitor()


def assert_rehearsed(stage: Stage) -> None:
    """It ends well, nothing of it is in the table, and status and ledger agree."""
    status = stage.migration.wait_for_end(30)
    assert (status["phase"], condition_of(status, "Ready")["reason"]) == ("Done", "RehearsalCompleted"), (
        status
    )
    assert_untouched(stage)
    stage.ledger.assert_agrees(status)


def assert_untouched(stage: Stage) -> None:
    stage.oracle.assert_before()
    assert stage.oracle.updates_of_each_row() == [0]
    assert stage.ledger.images == 0
    assert stage.database.query("SELECT count(*) FROM roleshift.migration_run WHERE active") == [(0,)]


def assert_broken_off(stage: Stage) -> None:
    """Nobody holds the table any more, although the gate is still closed."""
    wait_until(lambda: not stage.gate.waiting(), 10, "the rehearsal was broken off")
    with stage.database.connect() as writer:
        writer.execute("SET lock_timeout = '2s'")
        writer.execute(AS_WRITERS_DO)


def test_one_that_lost_its_operator_is_made_again_by_the_next_one(stage: Stage) -> None:
    operator = stage.start()
    with held(stage):
        operator.kill9()
    operator.start()
    operator.wait_ready()
    assert_rehearsed(stage)


def test_the_next_operator_ends_what_the_dead_one_left_in_the_database(stage: Stage) -> None:
    operator = stage.start()
    with held(stage) as left_behind:
        restart(operator)
        stage.gate.wait_for_visitor(other_than=left_behind)
        assert not stage.gate.waiting() & left_behind
    assert_rehearsed(stage)


def test_one_that_lost_its_session_is_made_again(stage: Stage) -> None:
    stage.start()
    with held(stage) as backends:
        with stage.database.admin() as admin:
            admin.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) AS pid", [list(backends)])
        stage.gate.wait_for_visitor(other_than=backends)
    assert_rehearsed(stage)


def test_a_lock_that_is_not_to_be_had_is_waited_for(stage: Stage) -> None:
    stage.start()
    with stage.database.connect() as other:
        other.execute(AS_WRITERS_DO)
        stage.migration.apply(**REHEARSE, strategy={"lockTimeoutSeconds": 1}, checks={"minimumScore": 0})
        status = stage.migration.wait_for_reason("LockTimeout")
        assert condition_of(status, "Reconciling")["status"] == "True"
        assert "Stalled" not in {one["type"] for one in status["conditions"]}
        other.execute("ROLLBACK")
    assert_rehearsed(stage)


def test_one_that_is_suspended_lets_the_table_go_at_once(stage: Stage) -> None:
    stage.start()
    with held(stage):
        stage.migration.patch({"suspend": True})
        stage.migration.wait_for_reason("Suspended")
        assert_broken_off(stage)
    stage.migration.patch({"suspend": False})
    assert_rehearsed(stage)


def test_the_old_state_asked_for_meanwhile_is_there_at_once(stage: Stage) -> None:
    stage.start()
    with held(stage):
        stage.migration.roll_back()
        status = stage.migration.wait_for_phase("RolledBack", deadline=20)
        assert condition_of(status, "Ready")["reason"] == "RolledBackOnRequest"
        assert_broken_off(stage)
    assert_untouched(stage)


def test_an_object_deleted_meanwhile_goes_and_leaves_nothing(stage: Stage) -> None:
    stage.start()
    with held(stage):
        stage.migration.delete()

        def is_gone() -> bool:
            try:
                stage.migration.read()
            except ApiError as error:
                return error.code == 404
            return False

        wait_until(is_gone, 10, "the object is gone")
        assert_broken_off(stage)
    assert_untouched(stage)


def test_changed_to_apply_meanwhile_it_migrates(stage: Stage) -> None:
    stage.start()
    with held(stage) as rehearsing:
        stage.migration.patch({"mode": "Apply"})
        stage.gate.wait_for_visitor(other_than=rehearsing)
        assert stage.migration.wait_for_phase("Migrating")
    stage.assert_done(30)


def test_the_old_state_asked_for_during_a_dry_run_is_there(stage: Stage) -> None:
    stage.start()
    with stage.gate.locked("user_profiles", "ACCESS EXCLUSIVE"):
        stage.apply(mode="DryRun")
        stage.gate.wait_for_visitor()
        stage.migration.roll_back()
    status = stage.migration.wait_for_phase("RolledBack", deadline=20)
    assert condition_of(status, "Ready")["reason"] == "RolledBackOnRequest"
    assert_untouched(stage)
