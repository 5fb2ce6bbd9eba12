"""The commands that change a RoleMigration, on a real API server, and the errors of all commands."""

import json
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from localenv.controlplane import ControlPlane
from localenv.wait import wait_until
from roleshift.api import Phase
from support.cli_shell import API_VERSION, SPEC, Shell
from support.cli_states import NAME

# What deploy/base gives to viewers of a namespace.
VIEWER = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: viewer}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: viewer}
rules: [{apiGroups: [roleshift.dev], resources: [rolemigrations], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: viewer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: viewer}
subjects: [{kind: ServiceAccount, name: viewer}]
"""


@pytest.fixture
def shell(control_plane: ControlPlane, namespace: str) -> Shell:
    return Shell.with_one_migration(control_plane, namespace)


def annotations(shell: Shell) -> dict[str, str]:
    """The object's annotations."""
    found: dict[str, str] = shell.get()["metadata"].get("annotations", {})
    return found


class TestChanges:
    def test_a_rollback_is_a_change_of_the_object_that_says_who_and_why(self, shell: Shell) -> None:
        done = shell.run("rollback", NAME, "--reason=too early")
        assert (done.returncode, done.stderr) == (0, "")
        assert shell.get()["spec"]["desiredState"] == "RolledBack"
        assert annotations(shell) == {
            "roleshift.dev/requested-by": "admin",
            "roleshift.dev/reason": "too early",
        }
        again = shell.run("abort", NAME, "--reason=other")
        assert "was asked for before" in again.stdout
        assert annotations(shell)["roleshift.dev/reason"] == "too early"

    def test_rollback_can_wait_for_its_end(self, shell: Shell) -> None:
        shell.report(Phase.DONE, reason="MigrationCompleted", ready="True")
        with shell.running("rollback", NAME, "--reason=x", "--wait", "--interval=0.1") as rollback:
            rollback.read_until("rollback asked for by admin")
            shell.report(Phase.ROLLING_BACK, reason="RolledBackOnRequest")
            shell.report(Phase.ROLLED_BACK, reason="RolledBackOnRequest", ready="True")
            assert rollback.end() == 0

    def test_another_manager_of_the_field_is_named(self, shell: Shell) -> None:
        body = {"apiVersion": API_VERSION, "kind": "RoleMigration", "metadata": {"name": NAME}}
        body["spec"] = {**SPEC, "desiredState": "Migrated", "suspend": False}
        query = "?fieldManager=argocd-controller&force=true"
        shell.api.request("PATCH", shell.path + query, body, "application/apply-patch+yaml")
        for command in (["rollback", NAME, "--reason=x"], ["suspend", NAME]):
            done = shell.run(*command)
            assert done.returncode == 0
            assert done.stderr.startswith("warning: spec.")
            assert "is managed by argocd-controller: change it there too" in done.stderr

    def test_suspend_and_resume_set_and_clear_field_and_annotation(self, shell: Shell) -> None:
        assert shell.run("suspend", NAME).stdout == f"{shell.namespace}/{NAME}: suspended by admin\n"
        assert shell.get()["spec"]["suspend"] is True
        assert annotations(shell) == {"roleshift.dev/suspended-by": "admin"}
        shell.run("resume", NAME)
        assert shell.get()["spec"]["suspend"] is False
        assert annotations(shell) == {}
        assert "was not suspended" in shell.run("resume", NAME).stdout

    def test_resume_clears_an_annotation_where_git_put_the_field_back(self, shell: Shell) -> None:
        shell.run("suspend", NAME)
        shell.change({"suspend": None})
        shell.run("resume", NAME)
        assert annotations(shell) == {}
        assert "suspend" not in shell.get()["spec"]

    def test_retry_asks_for_a_new_attempt(self, shell: Shell) -> None:
        shell.run("rollback", NAME, "--reason=x")
        shell.report(Phase.ROLLED_BACK, reason="RolledBackOnRequest", ready="True")
        with shell.running("retry", NAME) as retry:
            wait_until(lambda: "roleshift.dev/retryRequestedAt" in annotations(shell), 10, "it is asked for")
            assert shell.get()["spec"]["desiredState"] == "Migrated"
            assert list(annotations(shell)) == ["roleshift.dev/retryRequestedAt"]
            shell.report(Phase.CHECKING, runID="another")
            assert retry.end() == 0
        assert retry.seen == f"{shell.namespace}/{NAME}: a new attempt has begun, run another\n"

    def test_each_retry_is_another_request(self, shell: Shell) -> None:
        asked = set()
        for _ in range(2):
            shell.report(Phase.FAILED, reason="InvalidSpec", runID=None)
            assert shell.run("retry", NAME).returncode == 0
            asked.add(annotations(shell)["roleshift.dev/retryRequestedAt"])
        assert len(asked) == 2

    def test_a_run_that_goes_on_is_not_retried(self, shell: Shell) -> None:
        shell.report(Phase.MIGRATING)
        done = shell.run("retry", NAME)
        assert done.returncode == 1
        assert "is Migrating: only a Failed or RolledBack run is retried" in done.stderr


class TestApproval:
    HASH = "sha256:0123456789abcdef"
    PLAN: ClassVar[dict[str, object]] = {"hash": HASH, "rows": 1}

    @pytest.fixture
    def waiting(self, shell: Shell) -> Shell:
        """A run whose plan waits for a person."""
        shell.change({"approval": {"policy": "Manual"}})
        shell.report(Phase.CHECKING, reason="WaitingForApproval", plan=self.PLAN)
        return shell

    def test_an_approval_is_a_change_of_the_object_that_says_who_and_why(self, waiting: Shell) -> None:
        done = waiting.run("approve", NAME, "--reason=read it")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"{waiting.namespace}/{NAME}: plan {self.HASH} approved by admin\n"
        assert waiting.get()["spec"]["approval"] == {"policy": "Manual", "planHash": self.HASH}
        assert annotations(waiting) == {
            "roleshift.dev/requested-by": "admin",
            "roleshift.dev/reason": "read it",
        }

    def test_an_approval_is_given_once(self, waiting: Shell) -> None:
        waiting.run("approve", NAME)
        waiting.report(Phase.CHECKING, plan=self.PLAN)
        assert "was approved before" in waiting.run("approve", NAME, "--reason=again").stdout
        assert annotations(waiting) == {"roleshift.dev/requested-by": "admin"}

    def test_only_the_plan_that_was_read_is_approved(self, waiting: Shell) -> None:
        done = waiting.run("approve", NAME, "--plan=sha256:another00")
        assert done.returncode == 1
        assert f"is {self.HASH} and not sha256:another00: read it again" in done.stderr
        assert "planHash" not in waiting.get()["spec"]["approval"]
        assert waiting.run("approve", NAME, f"--plan={self.HASH}").returncode == 0

    def test_a_plan_of_an_older_spec_is_not_approved(self, waiting: Shell) -> None:
        waiting.change({"unmappedRoles": "Keep"})
        done = waiting.run("approve", NAME)
        assert done.returncode == 1
        assert f"has no plan yet: run `roleshift wait {NAME} --for=plan` first" in done.stderr

    def test_what_needs_no_approval_says_so(self, shell: Shell) -> None:
        assert "spec.approval.policy is not Manual" in shell.run("approve", NAME).stderr
        shell.change({"approval": {"policy": "Manual"}})
        shell.report(Phase.MIGRATING)
        done = shell.run("approve", NAME)
        assert done.returncode == 1
        assert "is Migrating: nothing is left to approve" in done.stderr

    def test_a_retry_is_approved_anew(self, waiting: Shell) -> None:
        waiting.run("approve", NAME)
        waiting.report(Phase.FAILED, reason="ChecksFailed", runID=None)
        assert waiting.run("retry", NAME).returncode == 0
        assert waiting.get()["spec"]["approval"] == {"policy": "Manual"}


class TestErrors:
    def test_a_name_that_is_not_there_brings_similar_ones(self, shell: Shell) -> None:
        done = shell.run("status", "seniority-2025")
        assert done.returncode == 1
        assert done.stderr == (
            f"error: there is no RoleMigration seniority-2025 in namespace {shell.namespace}; "
            f"did you mean {NAME}?\n"
        )

    def test_the_right_name_in_another_namespace_is_found(self, shell: Shell) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "roleshift", "status", NAME],
            env=shell.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "use -n" in done.stderr

    def test_what_is_forbidden_says_which_role_to_ask_for(
        self, shell: Shell, control_plane: ControlPlane
    ) -> None:
        control_plane.apply(
            "{apiVersion: v1, kind: ServiceAccount, metadata: {name: guest}}", shell.namespace
        )
        kubeconfig = control_plane.service_account_kubeconfig(shell.namespace, "guest", 600)
        guest = Shell(shell.api, kubeconfig, shell.namespace)
        here = f"in namespace {shell.namespace}: ask for a binding to the ClusterRole roleshift-view there"
        for command, text in (
            (["status", NAME], f"you may not get RoleMigrations {here}"),
            (["get"], f"you may not list RoleMigrations {here}"),
            (["get", "-A"], "you may not list RoleMigrations in the whole cluster"),
        ):
            done = guest.run(*command)
            assert done.returncode == 1
            assert text in done.stderr
            assert len(done.stderr.splitlines()) == 1

    def test_who_may_look_but_not_change_is_told_so(self, shell: Shell, control_plane: ControlPlane) -> None:
        control_plane.apply(VIEWER, shell.namespace)
        kubeconfig = control_plane.service_account_kubeconfig(shell.namespace, "viewer", 600)
        viewer = Shell(shell.api, kubeconfig, shell.namespace)
        assert viewer.run("status", NAME).returncode == 0
        assert "did you mean" in viewer.run("status", f"{NAME}x").stderr
        refused = viewer.run("suspend", NAME)
        assert refused.returncode == 1
        assert "you may not patch RoleMigrations" in refused.stderr
        assert "roleshift-edit" in refused.stderr

    def test_credentials_that_do_not_count_are_said_to_be_so(self, shell: Shell, tmp_path: Path) -> None:
        config = json.loads(shell.kubeconfig.read_text())
        config["users"][0]["user"]["token"] = "stale"
        (tmp_path / "config").write_text(json.dumps(config))
        done = Shell(shell.api, tmp_path / "config", shell.namespace).run("get")
        assert done.returncode == 1
        assert done.stderr.startswith("error: the Kubernetes API does not accept your credentials")


def test_a_cluster_without_the_definition_says_how_to_install_it(tmp_path: Path) -> None:
    with ControlPlane(definitions=tmp_path) as bare:
        person = Shell(bare.api, bare.kubeconfig, "default")
        for command in (["get"], ["status", NAME], ["get", NAME, "-o", "yaml"], ["suspend", NAME]):
            done = person.run(*command)
            assert done.returncode == 1
            assert "this cluster does not know roleshift.dev/v1alpha1: install Roleshift first" in done.stderr
