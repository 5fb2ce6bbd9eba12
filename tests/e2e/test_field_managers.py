"""Two tools put every field back all the time; what people ask with `roleshift` is done all the same."""

from contextlib import ExitStack

import pytest

from localenv.operator import OperatorProcess
from localenv.wait import wait_until
from roleshift.engine.requests import RETRY
from support.cli_shell import Shell
from support.healing_tools import TOOLS, healed
from support.migrations import condition_of
from support.stage import BROKEN_ASSERTION, Stage, restart

MANUAL = {"policy": "Manual"}


@pytest.fixture
def shell(stage: Stage) -> Shell:
    """A person who runs `roleshift` on the stage's migration."""
    migration = stage.migration
    return Shell(stage.control_plane.api, stage.control_plane.kubeconfig, migration.namespace, migration.name)


def act(shell: Shell, command: str, *arguments: str) -> str:
    """Run a command that changes the migration; what it warns of."""
    done = shell.run(command, shell.name, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stderr


def assert_warns(warning: str, field: str) -> None:
    """Every tool that owns the field is named."""
    assert warning.startswith(f"warning: spec.{field} is managed by ")
    assert all(tool in warning for tool in TOOLS)


def test_a_suspended_run_rests_until_it_is_resumed(
    stage: Stage, shell: Shell, operator: OperatorProcess
) -> None:
    stage.apply(approval=MANUAL)
    plan = stage.migration.wait_for_reason("WaitingForApproval")["plan"]["hash"]
    with healed(stage.migration) as tools:
        assert_warns(act(shell, "suspend"), "suspend")
        stage.migration.wait_for_reason("Suspended")
        act(shell, "approve")
        wait_until(lambda: stage.ledger.run["approved_hash"] == plan, 10, "the approval is latched")
        restart(operator)
        tools.wait_for_rounds()
        assert stage.migration.read()["spec"]["suspend"] is False, "the tools have had their way"
        assert stage.migration.condition("Ready")["reason"] == "Suspended"
        stage.oracle.assert_before()
        act(shell, "resume")
        stage.assert_done()


def test_an_approval_counts_although_git_says_another_hash(stage: Stage, shell: Shell) -> None:
    stage.apply(approval=MANUAL)
    plan = stage.migration.wait_for_reason("WaitingForApproval")["plan"]["hash"]
    with healed(stage.migration, approval={**MANUAL, "planHash": "sha256:fromgit0"}):
        stage.migration.wait_for(lambda s: "fromgit0" in condition_of(s, "Ready")["message"], "Git is seen")
        assert_warns(act(shell, "approve", f"--plan={plan}", "--reason=read it"), "approval.planHash")
        stage.assert_done()
    assert (stage.ledger.run["approved_by"], stage.ledger.run["approval_reason"]) == ("admin", "read it")


def test_a_rollback_of_a_done_run_is_done_and_stays_so(stage: Stage, shell: Shell) -> None:
    stage.apply()
    stage.assert_done()
    with healed(stage.migration) as tools:
        assert_warns(act(shell, "rollback", "--reason=wrong team"), "desiredState")
        status = stage.migration.wait_for_phase("RolledBack")
        tools.wait_for_rounds()
        assert stage.migration.read()["spec"]["desiredState"] == "Migrated", "the tools have had their way"
        stage.assert_rolled_back(updates=2)
    assert (status["rollback"]["requestedBy"], status["rollback"]["reason"]) == ("admin", "wrong team")


@pytest.mark.parametrize(
    ("phase", "updates"), [("Checking", 0), ("BackingUp", 0), ("Migrating", 0), ("Validating", 2)]
)
def test_a_rollback_is_not_lost_that_is_put_back_while_the_run_is_busy(
    stage: Stage, shell: Shell, phase: str, updates: int
) -> None:
    with ExitStack() as at_work:
        with stage.held_in(phase):
            tools = at_work.enter_context(healed(stage.migration))
            act(shell, "rollback", "--reason=wrong team")
            tools.wait_for_rounds()
        status = stage.assert_rolled_back(updates)
    assert status["rollback"]["requestedBy"] == "admin"


def test_a_retry_that_was_asked_for_before_a_rollback_does_not_undo_it(stage: Stage, shell: Shell) -> None:
    """It begins nothing of a Done run, and nothing either once that came back and Git wants it Migrated."""
    stage.apply()
    stage.assert_done()
    stage.migration.patch(annotations={RETRY: "2126-11-23T10:00:00Z"})
    with healed(stage.migration) as tools:
        act(shell, "rollback", "--reason=wrong team")
        stage.migration.wait_for_phase("RolledBack")
        tools.wait_for_rounds()
        stage.assert_rolled_back(updates=2)
    assert stage.ledger.run["attempt"] == 1


def test_a_retry_is_one_more_attempt_and_no_more(stage: Stage, shell: Shell) -> None:
    stage.apply(validation={"assertions": [BROKEN_ASSERTION]})
    stage.assert_rolled_back(updates=0)
    with healed(stage.migration) as tools:
        act(shell, "retry")
        stage.assert_rolled_back(updates=0)
        tools.wait_for_rounds()
        stage.assert_rolled_back(updates=0)
    assert stage.ledger.run["attempt"] == 2
