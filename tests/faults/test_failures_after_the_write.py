"""What fails once the rows are committed, in either phase that can, under each policy.

No failure of the surroundings brings a run back or ends it; a failed verification does what the policy says;
a restore that has begun is finished, or says what stands in its way and goes on when that is mended.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any

import pytest

from localenv.operator import OperatorProcess
from roleshift.engine.requests import RETRY
from support.deciding import Deciding
from support.gate import SLOW_ASSERTION
from support.migrations import condition_of
from support.sabotage import before_each_update
from support.stage import Stage, restart

POLICIES = ("Automatic", "Recommend", "Never")
IMAGE = "SELECT format('roleshift.%I', name) FROM roleshift.migration_backup WHERE method = 'Table'"
END = "SELECT pg_terminate_backend(pid) FROM unnest(%s) AS pid"
SWALLOW = "IF NEW.id = 7 THEN RETURN NULL; END IF;"
LOCK_SECONDS = 1
every_policy = pytest.mark.parametrize("policy", POLICIES)

Failure = Callable[[Stage, OperatorProcess, frozenset[int]], None]
Hold = Callable[[], AbstractContextManager[Any]]


@contextmanager
def restoring(stage: Stage, policy: str, hold: Hold, **changes: Any) -> Iterator[frozenset[int]]:
    """A run whose verification fails and whose restore begins while something is held; earlier backends."""
    deciding = Deciding.on(stage)
    with ExitStack() as held:
        with stage.gate.closed_on_the_way_to("RollingBack"):
            deciding.apply(policy, **changes)
            if policy != "Automatic":
                stage.migration.wait_for_reason("AwaitingDecision")
                stage.migration.roll_back()
            seen = stage.gate.wait_for_visitor()
            held.enter_context(hold())
        yield seen


def image_of(stage: Stage) -> str:
    ((name,),) = stage.database.query(IMAGE)
    return str(name)


def ask_again(stage: Stage) -> None:
    """The cause is mended: the restore is tried again."""
    stage.migration.patch({"desiredState": "Migrated"}, {RETRY: "mended"})
    stage.migration.wait_for_phase("RolledBack")


def killed(_: Stage, operator: OperatorProcess, _held: frozenset[int]) -> None:
    restart(operator)


def disconnected(stage: Stage, _: OperatorProcess, held: frozenset[int]) -> None:
    with stage.database.server.connect() as session:
        session.execute(END, [list(held)])


def cancelled(stage: Stage, _: OperatorProcess, held: frozenset[int]) -> None:
    with stage.database.server.connect() as session:
        session.execute(END.replace("terminate", "cancel"), [list(held)])


@every_policy
@pytest.mark.parametrize("failure", [killed, disconnected, cancelled])
def test_a_verification_that_is_interrupted_is_made_again(
    stage: Stage, operator: OperatorProcess, policy: str, failure: Failure
) -> None:
    stage.start()
    with stage.gate.closed_in_validating():
        stage.apply(rollback={"policy": policy}, validation={"assertions": [SLOW_ASSERTION]})
        failure(stage, operator, stage.gate.wait_for_visitor())
    stage.assert_done()


@every_policy
def test_a_verification_that_gets_no_lock_waits_for_it(stage: Stage, policy: str) -> None:
    stage.start()
    with stage.gate.closed_on_the_way_to("Validating"):
        stage.migration.apply(strategy={"lockTimeoutSeconds": LOCK_SECONDS}, rollback={"policy": policy})
        stage.gate.wait_for_visitor()
        barred = stage.gate.locked(image_of(stage), "ACCESS EXCLUSIVE")
        barred.__enter__()
    try:
        status = stage.migration.wait_for_reason("LockTimeout")
        assert status["phase"] == "Validating"
        stage.oracle.assert_after()
    finally:
        barred.__exit__(None, None, None)
    stage.assert_done()


@every_policy
def test_a_failed_verification_does_what_the_policy_says(stage: Stage, policy: str) -> None:
    stage.start()
    deciding = Deciding.on(stage)
    deciding.apply(policy)
    if policy != "Automatic":
        deciding.assert_awaits(stage.migration.wait_for_reason("AwaitingDecision"))
        stage.migration.roll_back()
    stage.assert_rolled_back(updates=2)


@every_policy
@pytest.mark.parametrize("failure", [killed, disconnected])
def test_a_restore_that_is_interrupted_is_finished(
    stage: Stage, operator: OperatorProcess, policy: str, failure: Failure
) -> None:
    stage.start()
    with restoring(stage, policy, stage.gate.closed) as seen:
        failure(stage, operator, stage.gate.wait_for_visitor(seen))
    stage.assert_rolled_back(updates=2)


@every_policy
def test_a_restore_that_somebody_cancelled_is_not_tried_again_before_somebody_asks(
    stage: Stage, operator: OperatorProcess, policy: str
) -> None:
    stage.start()
    with restoring(stage, policy, stage.gate.closed) as seen:
        cancelled(stage, operator, stage.gate.wait_for_visitor(seen))
        ready = condition_of(stage.migration.wait_for_phase("Failed"), "Ready")
    assert ready["reason"] == "RollbackFailed"
    assert "somebody cancelled the statement" in ready["message"]
    stage.oracle.assert_after()
    ask_again(stage)
    stage.assert_rolled_back(updates=2)


@every_policy
def test_a_restore_that_is_killed_at_its_last_statement_is_made_again(
    stage: Stage, operator: OperatorProcess, policy: str
) -> None:
    stage.start()
    last = partial(stage.gate.closed_on_the_note_of, "RollingBack", "Succeeded")
    with restoring(stage, policy, last) as seen:
        stage.gate.wait_for_visitor(seen)
        restart(operator)
    stage.assert_rolled_back(updates=2)


@every_policy
def test_a_restore_that_gets_no_lock_waits_for_it(stage: Stage, policy: str) -> None:
    stage.start()
    quick = {"strategy": {"lockTimeoutSeconds": LOCK_SECONDS}}
    with restoring(stage, policy, lambda: stage.gate.locked("user_profiles", "ROW EXCLUSIVE"), **quick):
        status = stage.migration.wait_for_reason("LockTimeout")
        assert status["phase"] == "RollingBack"
    stage.assert_rolled_back(updates=2)


@every_policy
def test_a_restore_whose_rows_are_swallowed_says_by_whom_and_goes_on_when_asked(
    stage: Stage, policy: str
) -> None:
    stage.start()

    def swallowed() -> ExitStack:
        before_each_update(stage.database, SWALLOW)
        return ExitStack()

    with restoring(stage, policy, swallowed):
        status = stage.migration.wait_for_phase("Failed")
    ready = condition_of(status, "Ready")
    assert ready["reason"] == "RollbackFailed"
    assert "meddle" in ready["message"]
    stage.oracle.assert_after()
    stage.database.execute("DROP TRIGGER meddle ON user_profiles")
    ask_again(stage)
    stage.assert_rolled_back(updates=2)


@every_policy
def test_a_restore_refuses_an_altered_image_and_goes_on_once_it_is_sound(stage: Stage, policy: str) -> None:
    stage.start()

    def altered() -> ExitStack:
        image = image_of(stage)
        stage.database.execute(f"CREATE TABLE sound AS TABLE {image}; UPDATE {image} SET role = 'admin'")
        return ExitStack()

    with restoring(stage, policy, altered):
        pass
    status = stage.migration.wait_for_phase("Failed")
    ready = condition_of(status, "Ready")
    assert ready["reason"] == "RollbackFailed"
    assert "BackupDamaged" in ready["message"]
    stage.oracle.assert_after()
    image = image_of(stage)
    stage.database.execute(f"TRUNCATE {image}; INSERT INTO {image} TABLE sound")
    ask_again(stage)
    stage.assert_rolled_back(updates=2)
