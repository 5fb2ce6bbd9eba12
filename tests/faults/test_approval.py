"""kill -9 around an approval: the wait goes on, and an approval that was seen once is never lost."""

from localenv.wait import wait_until
from support.migrations import condition_of
from support.stage import Stage

MANUAL = {"policy": "Manual"}


def wait_for_plan(stage: Stage) -> str:
    """The hash of the plan that waits for approval."""
    status = stage.migration.wait_for_reason("WaitingForApproval")
    return str(status["plan"]["hash"])


def test_a_run_that_waits_for_approval_waits_on_after_a_kill(stage: Stage) -> None:
    operator = stage.start()
    stage.apply(approval=MANUAL)
    plan = wait_for_plan(stage)
    before = stage.migration.condition("Approved")
    epoch = stage.ledger.run["epoch"]
    operator.kill9()
    operator.start()
    operator.wait_ready()
    wait_until(lambda: stage.ledger.takeover_after(epoch), 10, "the run is taken over")
    assert wait_for_plan(stage) == plan
    assert stage.migration.condition("Approved") == before
    stage.oracle.assert_before()
    stage.migration.patch({"approval": {"planHash": plan}})
    stage.assert_done()


def test_an_approval_given_while_no_operator_was_there_counts(stage: Stage) -> None:
    operator = stage.start()
    stage.apply(approval=MANUAL)
    plan = wait_for_plan(stage)
    operator.kill9()
    stage.migration.patch({"approval": {"planHash": plan}})
    operator.start()
    operator.wait_ready()
    stage.assert_done()


def test_an_approval_that_was_seen_outlives_the_operator_and_the_field(stage: Stage) -> None:
    operator = stage.start()
    stage.apply(approval=MANUAL)
    plan = wait_for_plan(stage)
    with stage.gate.locked("user_profiles", "ACCESS EXCLUSIVE"):
        stage.migration.patch({"approval": {"planHash": plan}})
        wait_until(lambda: stage.ledger.run["approved_hash"] == plan, 10, "the approval is seen")
        operator.kill9()
        assert stage.ledger.phase == "Checking"
    stage.migration.patch({"approval": {"planHash": None}})
    operator.start()
    operator.wait_ready()
    approved = condition_of(stage.assert_done(), "Approved")
    assert (approved["status"], approved["reason"]) == ("True", "PlanApproved")
