"""Manual approval: a plan waits for a person, by Git or by `roleshift approve`, and for that plan only."""

from typing import Any

import pytest

from localenv.operator import OperatorProcess
from localenv.wait import wait_until
from roleshift.engine.requests import REASON, REQUESTED_BY, RETRY
from support.cli_shell import Shell
from support.migrations import Migration, condition_of, events_of
from support.stage import BROKEN_ASSERTION, Stage, restart

MANUAL = {"policy": "Manual"}
NEW_ROLE = "INSERT INTO user_profiles (id, email, role) VALUES (5000, 'new@example.org', 'manager')"


@pytest.fixture
def shell(stage: Stage) -> Shell:
    """A person who runs `roleshift` on the stage's migration."""
    migration = stage.migration
    return Shell(stage.control_plane.api, stage.control_plane.kubeconfig, migration.namespace, migration.name)


def wait_for_plan(stage: Stage, *, other_than: str = "") -> str:
    """Wait until a plan waits for approval; its hash."""
    status = stage.migration.wait_for(
        lambda s: (
            condition_of(s, "Ready").get("reason") == "WaitingForApproval"
            and s["plan"]["hash"] != other_than
            and s["plan"]["hash"] in condition_of(s, "Ready")["message"]
        ),
        "a plan waits for approval",
    )
    return str(status["plan"]["hash"])


def approve(stage: Stage, plan: str | None, **annotations: str) -> None:
    """Approve as Git would."""
    stage.migration.patch({"approval": {"planHash": plan}}, annotations)


def wait_until_latched(stage: Stage, plan: str) -> None:
    """Wait until the ledger has the approval."""
    wait_until(lambda: stage.ledger.run["approved_hash"] == plan, 10, "the approval is latched")


def message_of(stage: Stage) -> str:
    return str(stage.migration.condition("Ready")["message"])


def leave_out_managers(stage: Stage) -> None:
    """Nobody is a manager yet, so that one who appears is a new cell of the plan."""
    stage.database.execute("DELETE FROM user_profiles WHERE role = 'manager'")


# Waiting


def test_a_plan_waits_until_a_person_approves_it(stage: Stage) -> None:
    stage.apply(approval=MANUAL)
    plan = wait_for_plan(stage)
    status = stage.migration.status
    assert (status["phase"], status["attempts"]) == ("Checking", 0)
    states = {kind: condition_of(status, kind).get("status") for kind in ("Ready", "Reconciling", "Approved")}
    assert states == {"Ready": "False", "Reconciling": "True", "Approved": "False"}
    assert condition_of(status, "PrechecksPassed")["status"] == "True"
    assert (status["plan"]["rows"], status["steps"][0]["attempts"]) == (1000, 1)
    command = f"roleshift approve {stage.migration.name} -n {stage.migration.namespace}"
    for way in (plan, "set spec.approval.planHash to this hash", command):
        assert way in message_of(stage)
    assert stage.ledger.images == 0
    stage.oracle.assert_before()
    approve(stage, plan, **{REQUESTED_BY: "ada@example.org", REASON: "read it"})
    done = stage.assert_done()
    approved = condition_of(done, "Approved")
    assert (approved["status"], approved["reason"]) == ("True", "PlanApproved")
    assert "by ada@example.org" in approved["message"]
    run = stage.ledger.run
    found = (run["approved_hash"], run["approved_by"], run["approval_reason"])
    assert found == (plan, "ada@example.org", "read it")
    assert ("Normal", "WaitingForApproval") in events_of(stage.migration)


def test_the_wait_is_quiet_and_the_plan_is_made_again_while_it_lasts(stage: Stage) -> None:
    leave_out_managers(stage)
    stage.apply(approval=MANUAL)
    first = wait_for_plan(stage)
    since = stage.migration.condition("Approved")["lastTransitionTime"]
    stage.database.execute(NEW_ROLE)
    second = wait_for_plan(stage, other_than=first)
    assert stage.migration.condition("Approved")["lastTransitionTime"] == since
    assert events_of(stage.migration).count(("Normal", "WaitingForApproval")) == 1
    approve(stage, second)
    stage.migration.wait_for_phase("Done")


def test_without_a_policy_nobody_is_asked(stage: Stage) -> None:
    stage.apply()
    approved = condition_of(stage.assert_done(), "Approved")
    assert (approved["status"], approved["reason"]) == ("True", "Automatic")
    assert stage.ledger.run["approved_hash"] == ""


def test_a_policy_that_becomes_automatic_lets_the_run_go_on(stage: Stage) -> None:
    stage.apply(approval=MANUAL)
    wait_for_plan(stage)
    stage.migration.patch({"approval": {"policy": "Automatic"}})
    assert condition_of(stage.assert_done(), "Approved")["reason"] == "Automatic"


def test_a_wait_outlasts_the_operator(stage: Stage, operator: OperatorProcess) -> None:
    stage.apply(approval=MANUAL)
    plan = wait_for_plan(stage)
    run_id = stage.migration.status["runID"]
    restart(operator)
    approve(stage, plan)
    assert stage.assert_done()["runID"] == run_id


# Another plan's approval


def test_the_approval_of_an_unknown_plan_is_refused_by_waiting_on(stage: Stage) -> None:
    stage.apply(approval={**MANUAL, "planHash": "sha256:0123456789abcdef"})
    plan = wait_for_plan(stage)
    assert "planHash is sha256:0123456789abcdef, which is not the hash of this plan" in message_of(stage)
    assert stage.migration.condition("Approved")["status"] == "False"
    stage.oracle.assert_before()
    approve(stage, plan)
    stage.assert_done()


def test_a_plan_whose_hash_is_in_the_manifest_already_does_not_wait(stage: Stage) -> None:
    """As a pull request has it whose reviewers have read the plan."""
    stage.apply(approval=MANUAL)
    plan = wait_for_plan(stage)
    reviewed = Migration(stage.control_plane, stage.migration.namespace, "reviewed")
    reviewed.apply(strategy={"lockTimeoutSeconds": 60}, approval={**MANUAL, "planHash": plan})
    done = reviewed.wait_for_phase("Done")
    assert condition_of(done, "Approved")["reason"] == "PlanApproved"
    assert ("Normal", "WaitingForApproval") not in events_of(reviewed)
    stage.oracle.assert_after()


def test_a_plan_that_changes_after_its_approval_asks_again_and_says_what_differs(stage: Stage) -> None:
    leave_out_managers(stage)
    stage.apply(approval=MANUAL)
    first = wait_for_plan(stage)
    stage.migration.patch({"suspend": True})
    approve(stage, first)
    wait_until_latched(stage, first)
    stage.database.execute(NEW_ROLE)
    stage.migration.patch({"suspend": False})
    second = wait_for_plan(stage, other_than=first)
    assert f"approved was {first}, and the plan has changed since" in message_of(stage)
    assert "rows appeared that go manager → lead" in message_of(stage)
    assert stage.migration.condition("Approved")["status"] == "False"
    assert stage.ledger.images == 0
    approve(stage, second)
    stage.migration.wait_for_phase("Done")
    assert stage.ledger.run["approved_hash"] == second


def test_a_changed_spec_is_another_plan_that_is_approved_anew(stage: Stage) -> None:
    stage.apply(approval=MANUAL)
    first = wait_for_plan(stage)
    stage.apply(approval={**MANUAL, "planHash": first}, unmappedRoles="Keep")
    second = wait_for_plan(stage, other_than=first)
    assert first in message_of(stage)
    approve(stage, second)
    stage.assert_done()


def test_a_new_role_between_image_and_write_asks_again(stage: Stage) -> None:
    """What is under the lock decides: the image is there, and a person is asked once more."""
    leave_out_managers(stage)
    stage.apply(approval=MANUAL)
    first = wait_for_plan(stage)
    with stage.gate.locked("roleshift.migration_backup", "SHARE"):
        approve(stage, first)
        stage.gate.wait_for_visitor()
        stage.migration.patch({"suspend": True})
    stage.migration.wait_for_reason("Suspended")
    stage.database.execute(NEW_ROLE)
    stage.migration.patch({"suspend": False})
    second = wait_for_plan(stage, other_than=first)
    assert "rows appeared that go manager → lead" in message_of(stage)
    assert (stage.ledger.images, stage.ledger.logged("Migrating", "Succeeded")) == (1, 0)
    approve(stage, second)
    stage.migration.wait_for_phase("Done")


def test_what_the_run_added_itself_needs_no_second_approval(stage: Stage) -> None:
    """Its schema statements have run when it looks at the database again."""
    stage.database.execute("ALTER TABLE user_profiles DROP role_migrated_at")
    stage.apply(approval=MANUAL, schemaChanges="AddMissing")
    plan = wait_for_plan(stage)
    with stage.gate.locked("roleshift.migration_backup", "SHARE"):
        approve(stage, plan)
        stage.gate.wait_for_visitor()
        stage.migration.patch({"suspend": True})
    stage.migration.wait_for_reason("Suspended")
    stage.ledger.make_phase_older(minutes=5)
    stage.migration.patch({"suspend": False})
    status = stage.migration.wait_for_phase("Done")
    assert status["plan"]["hash"] == plan
    assert stage.ledger.logged("Migrating", "Retried") == 1
    assert stage.ledger.logged("BackingUp", "Altered") == 1
    asked = [line for line in stage.ledger.log if "waits for a person" in line["message"]]
    assert len(asked) == 1


# Latched


def test_an_approval_that_is_put_back_counts_all_the_same(stage: Stage, operator: OperatorProcess) -> None:
    stage.apply(approval=MANUAL)
    plan = wait_for_plan(stage)
    stage.migration.patch({"suspend": True})
    approve(stage, plan, **{REQUESTED_BY: "ada"})
    wait_until_latched(stage, plan)
    approve(stage, None, **{REQUESTED_BY: "a tool that heals drift"})
    restart(operator)
    stage.migration.patch({"suspend": False})
    stage.assert_done()
    assert stage.ledger.run["approved_by"] == "ada"


def test_a_new_attempt_does_not_inherit_what_was_latched(stage: Stage) -> None:
    stage.apply(approval=MANUAL, validation={"assertions": [BROKEN_ASSERTION]})
    plan = wait_for_plan(stage)
    approve(stage, plan)
    stage.assert_rolled_back(updates=0)
    approve(stage, None, **{RETRY: "1"})
    assert wait_for_plan(stage) == plan
    assert stage.ledger.run["approved_hash"] == ""


# Other wishes meanwhile


def test_a_rollback_while_it_waits_ends_it_without_a_write(stage: Stage) -> None:
    stage.apply(approval=MANUAL)
    wait_for_plan(stage)
    stage.migration.roll_back()
    stage.assert_rolled_back(updates=0)


def test_a_suspension_while_it_waits_is_said_and_ends(stage: Stage) -> None:
    stage.apply(approval=MANUAL)
    plan = wait_for_plan(stage)
    stage.migration.patch({"suspend": True})
    status = stage.migration.wait_for_reason("Suspended")
    assert condition_of(status, "Approved")["status"] == "False"
    stage.migration.patch({"suspend": False})
    assert wait_for_plan(stage) == plan


def test_an_object_that_waits_can_be_deleted(stage: Stage) -> None:
    stage.apply(approval=MANUAL)
    wait_for_plan(stage)
    stage.migration.delete()
    stage.migration.kubectl("wait", "--for=delete", f"rolemig/{stage.migration.name}", "--timeout=10s")
    assert stage.ledger.phase == "RolledBack"
    stage.oracle.assert_before()


# The command line


def test_a_person_waits_for_the_plan_reads_and_approves_it(stage: Stage, shell: Shell) -> None:
    stage.apply(approval=MANUAL)
    assert shell.run("wait", shell.name, "--for=plan").returncode == 0
    waits = shell.run("wait", shell.name, "--for=done")
    assert waits.returncode == 5
    assert "WaitingForApproval" in waits.stdout
    screen = " ".join(shell.run("status", shell.name).stdout.split())
    assert f"roleshift approve {shell.name} -n {shell.namespace}" in screen
    plan = stage.migration.status["plan"]["hash"]
    with shell.running("wait", shell.name, "--for=approval", "--interval=0.1") as waiting:
        done = shell.run("approve", shell.name, f"--plan={plan}", "--reason=read it", "--wait")
        assert (done.returncode, done.stderr) == (0, "")
        assert f"plan {plan} approved by admin" in done.stdout
        assert waiting.end() == 0
    stage.assert_done()
    assert (stage.ledger.run["approved_by"], stage.ledger.run["approval_reason"]) == ("admin", "read it")


def test_a_field_that_git_owns_is_approved_with_a_warning_and_put_back_in_vain(
    stage: Stage, shell: Shell
) -> None:
    body: dict[str, Any] = {
        "apiVersion": "roleshift.dev/v1alpha1",
        "kind": "RoleMigration",
        "metadata": {"name": shell.name},
        "spec": {"approval": {**MANUAL, "planHash": "sha256:fromgit0"}},
    }
    query = "?fieldManager=argocd-controller&force=true"

    def heal() -> None:
        shell.api.request("PATCH", shell.path + query, body, "application/apply-patch+yaml")

    stage.apply(approval=MANUAL, suspend=False)
    heal()
    plan = wait_for_plan(stage)
    stage.migration.patch({"suspend": True})
    done = shell.run("approve", shell.name)
    assert done.returncode == 0, done.stderr
    assert "warning: spec.approval.planHash is managed by argocd-controller" in done.stderr
    wait_until_latched(stage, plan)
    heal()
    stage.migration.patch({"suspend": False})
    stage.assert_done()
