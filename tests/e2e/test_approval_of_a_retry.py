"""A new attempt is approved anew: the hash that approved an earlier one does not count while it stands on."""

from collections.abc import Callable
from typing import Any

import pytest

from localenv.operator import OperatorProcess
from localenv.wait import wait_until
from roleshift.engine.requests import REQUESTED_BY, RETRY
from support.cli_shell import Shell
from support.migrations import condition_of
from support.stage import BROKEN_ASSERTION, Stage, restart

MANUAL = {"policy": "Manual"}
ASKS_AGAIN = "it was approved for an attempt before this one, and that does not count again"


@pytest.fixture
def shell(stage: Stage) -> Shell:
    """A person who runs `roleshift` on the stage's migration."""
    migration = stage.migration
    return Shell(stage.control_plane.api, stage.control_plane.kubeconfig, migration.namespace, migration.name)


def says(text: str) -> Callable[[dict[str, Any]], bool]:
    """Whether a run waits for an approval and says so in these words."""
    return lambda status: (
        condition_of(status, "Ready").get("reason") == "WaitingForApproval"
        and text in condition_of(status, "Ready")["message"]
    )


def wait_until_latched(stage: Stage, plan: str, by: str) -> None:
    wait_until(lambda: stage.ledger.run["approved_hash"] == plan, 10, "the approval is latched")
    assert stage.ledger.run["approved_by"] == by


@pytest.fixture
def plan(stage: Stage) -> str:
    """The hash of a plan that a first attempt was approved with and a second one waits with; it stands."""
    stage.apply(approval=MANUAL, validation={"assertions": [BROKEN_ASSERTION]})
    found = str(stage.migration.wait_for_reason("WaitingForApproval")["plan"]["hash"])
    stage.migration.patch({"approval": {"planHash": found}}, {REQUESTED_BY: "ada"})
    stage.assert_rolled_back(updates=0)
    stage.migration.patch(annotations={RETRY: "1"})
    again = stage.migration.wait_for(says(ASKS_AGAIN), "it asks again")
    assert again["plan"]["hash"] == found
    run = stage.ledger.run
    assert (run["attempt"], run["approved_hash"], run["carried_hash"]) == (2, "", found)
    return found


def test_it_waits_over_a_restart_and_a_person_approves_again(
    stage: Stage, plan: str, shell: Shell, operator: OperatorProcess
) -> None:
    restart(operator)
    stage.migration.patch(annotations={"reconcile.fluxcd.io/requestedAt": "1"})
    stage.migration.wait_for(lambda s: s.get("lastHandledReconcileAt") == "1", "it is looked at")
    stage.migration.wait_for(says(ASKS_AGAIN), "it still asks")
    approved = shell.run("approve", shell.name, "--reason=read it again")
    assert approved.returncode == 0, approved.stderr
    wait_until_latched(stage, plan, by="admin")
    stage.assert_rolled_back(updates=0)


def test_git_takes_the_hash_out_and_sets_it_again(stage: Stage, plan: str) -> None:
    stage.migration.patch({"approval": {"planHash": None}})
    stage.migration.wait_for(says("set spec.approval.planHash to this hash"), "it was seen")
    stage.migration.patch({"approval": {"planHash": plan}}, {REQUESTED_BY: "kim"})
    wait_until_latched(stage, plan, by="kim")
    stage.assert_rolled_back(updates=0)


def test_it_counts_however_fast_it_is_taken_out_and_set_again(stage: Stage, plan: str) -> None:
    stage.migration.patch({"approval": {"planHash": None}})
    stage.migration.patch({"approval": {"planHash": plan}}, {REQUESTED_BY: "kim"})
    wait_until_latched(stage, plan, by="kim")
    stage.assert_rolled_back(updates=0)


def test_a_third_attempt_does_not_inherit_it_either(stage: Stage, plan: str) -> None:
    stage.migration.roll_back()
    stage.assert_rolled_back(updates=0)
    stage.migration.patch({"desiredState": "Migrated"}, {RETRY: "2"})
    wait_until(lambda: stage.ledger.run["attempt"] == 3, 10, "the third attempt begins")
    stage.migration.wait_for(says(ASKS_AGAIN), "it asks again")
    assert stage.ledger.run["carried_hash"] == plan
