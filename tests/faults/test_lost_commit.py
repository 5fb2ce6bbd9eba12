"""The connection breaks while COMMIT is on its way: what became of it is found out, never guessed."""

from collections.abc import Iterator

import pytest

from localenv.wait import wait_until
from support.proxy import IMAGE, CommitProxy, Fate
from support.stage import Stage

FATES = [fate if fate is Fate.DELIVERED_LATE else pytest.param(fate, marks=pytest.mark.long) for fate in Fate]


@pytest.fixture
def proxy(stage: Stage) -> Iterator[CommitProxy]:
    """A proxy through which the run reaches its database."""
    with CommitProxy(stage.database) as listening:
        stage.migration.secret(listening.uri)
        yield listening


def test_a_commit_whose_answer_is_lost_is_found_in_the_ledger(stage: Stage, proxy: CommitProxy) -> None:
    stage.start()
    proxy.arm(Fate.ANSWER_LOST)
    stage.apply()
    proxy.wait_until_caught()
    stage.assert_done()
    assert stage.ledger.logged("Migrating", "Committing") == 1


def test_a_commit_whose_answer_is_lost_in_the_last_attempt_is_no_failure(
    stage: Stage, proxy: CommitProxy
) -> None:
    stage.start()
    proxy.arm(Fate.ANSWER_LOST)
    stage.apply(retry={"limit": 0})
    proxy.wait_until_caught()
    stage.assert_done()


def test_a_commit_that_never_reaches_the_server_is_written_again(stage: Stage, proxy: CommitProxy) -> None:
    stage.start()
    proxy.arm(Fate.NEVER_SENT)
    stage.apply()
    proxy.wait_until_caught()
    stage.assert_done()
    assert stage.ledger.logged("Migrating", "Committing") == 2
    assert stage.ledger.logged("Migrating", "Retried") == 1


def test_a_commit_that_never_reaches_the_server_in_the_last_attempt_changes_nothing(
    stage: Stage, proxy: CommitProxy
) -> None:
    stage.start()
    proxy.arm(Fate.NEVER_SENT)
    stage.apply(retry={"limit": 0})
    status = stage.migration.wait_for_end(10)
    assert status["phase"] == "Failed", status
    assert stage.migration.condition("Stalled")["reason"] == "RetriesExhausted"
    stage.oracle.assert_before()
    stage.ledger.assert_agrees(status)


def test_a_commit_that_arrives_late_arrives_at_no_one(stage: Stage, proxy: CommitProxy) -> None:
    """The backend was ended before anything was decided, so it can't land behind the run's back."""
    stage.start()
    proxy.arm(Fate.DELIVERED_LATE)
    stage.apply()
    proxy.wait_until_caught()
    wait_until(lambda: stage.ledger.logged("Migrating", "Retried"), 10, "the run has given up on it")
    proxy.deliver()
    stage.assert_done()


def test_a_commit_that_arrives_late_finds_the_next_operator_at_work(stage: Stage, proxy: CommitProxy) -> None:
    operator = stage.start()
    proxy.arm(Fate.DELIVERED_LATE)
    stage.apply()
    proxy.wait_until_caught()
    operator.kill9()
    operator.start()
    operator.wait_ready()
    proxy.deliver()
    stage.assert_done()


@pytest.mark.parametrize("fate", FATES)
def test_an_image_whose_commit_is_lost_is_made_once(stage: Stage, proxy: CommitProxy, fate: Fate) -> None:
    stage.start()
    proxy.arm(fate, IMAGE)
    stage.apply()
    proxy.wait_until_caught()
    if fate is Fate.DELIVERED_LATE:
        wait_until(lambda: stage.ledger.logged("BackingUp", "Retried"), 10, "the run has given up on it")
        proxy.deliver()
    stage.assert_done()
    assert stage.ledger.images == 1
    assert stage.ledger.logged("BackingUp", "Succeeded") == 1


@pytest.mark.parametrize("fate", FATES)
def test_a_restore_whose_commit_is_lost_is_done_once(stage: Stage, proxy: CommitProxy, fate: Fate) -> None:
    stage.start()
    stage.apply()
    stage.assert_done()
    proxy.arm(fate)
    stage.migration.roll_back()
    proxy.wait_until_caught()
    if fate is Fate.DELIVERED_LATE:
        wait_until(lambda: stage.ledger.logged("RollingBack", "Retried"), 10, "the run has given up on it")
        proxy.deliver()
    status = stage.assert_rolled_back(updates=2)
    assert status["rollback"]["rowsRestored"] == 1000
