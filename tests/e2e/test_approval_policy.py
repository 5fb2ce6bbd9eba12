"""deploy/approval on a real API server: whoever writes a migration may not approve it, nor roll it back."""

from collections.abc import Iterator
from typing import Any

import pytest

from localenv.controlplane import ControlPlane
from localenv.repository import DEPLOY_APPROVAL
from localenv.wait import wait_until
from support.migrations import SPEC, merged
from support.people import Person
from support.stage import Stage

MANUAL = {"approval": {"policy": "Manual"}}
HASH = "sha256:0123456789abcdef"
APPROVING = {"approval": {"planHash": HASH}}
TAKES_APPROVE = "that takes the verb approve on rolemigrations"
TAKES_ROLLBACK = "the verb rollback on rolemigrations"
TAKES_UPDATE = "the verb update on rolemigrations"


@pytest.fixture(scope="module", autouse=True)
def _policy(control_plane: ControlPlane) -> Iterator[None]:
    """deploy/approval, for this file only."""
    control_plane.kubectl("apply", "--server-side", f"--kustomize={DEPLOY_APPROVAL}")
    yield
    control_plane.kubectl("delete", f"--kustomize={DEPLOY_APPROVAL}")


@pytest.fixture
def waiting(stage: Stage) -> Stage:
    """A stage whose run waits for approval."""
    stage.apply(**MANUAL)
    stage.migration.wait_for_reason("WaitingForApproval")
    return stage


@pytest.fixture
def author(waiting: Stage) -> Person:
    """Somebody who writes migrations; the policy is in force for them."""
    person = Person.with_role(waiting.migration, "author", "roleshift-editor")
    wait_until(lambda: person.patch(APPROVING, "--dry-run=server"), 20, "the policy is in force")
    return person


@pytest.fixture
def approver(author: Person) -> Person:
    """Somebody who decides about them."""
    return Person.with_role(author.migration, "approver", "roleshift-approver")


def created(**changes: Any) -> dict[str, Any]:
    """The sample spec, changed."""
    return merged(SPEC, changes)


def test_the_api_server_finds_nothing_wrong_with_the_policy(control_plane: ControlPlane) -> None:
    path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/roleshift-approval"
    policy = control_plane.api.request("GET", path)
    assert policy["spec"]["failurePolicy"] == "Fail"
    assert policy.get("status", {}).get("typeChecking", {}).get("expressionWarnings", []) == []


def test_one_writes_and_another_approves(waiting: Stage, author: Person, approver: Person) -> None:
    plan = waiting.migration.status["plan"]["hash"]
    assert TAKES_APPROVE in author.patch({"approval": {"planHash": plan}})
    refused = author.shell.run("approve", waiting.migration.name)
    assert refused.returncode == 1
    assert TAKES_APPROVE in refused.stderr
    waiting.oracle.assert_before()
    done = approver.shell.run("approve", waiting.migration.name, "--reason=read it", "--wait")
    assert (done.returncode, done.stderr) == (0, "")
    waiting.assert_done()
    assert waiting.ledger.run["approved_by"] == approver.user


def test_one_writes_and_another_rolls_back(waiting: Stage, author: Person, approver: Person) -> None:
    name = waiting.migration.name
    assert approver.shell.run("approve", name, "--wait").returncode == 0
    assert TAKES_ROLLBACK in author.patch({"desiredState": "RolledBack"})
    assert TAKES_ROLLBACK in author.shell.run("rollback", name, "--reason=x").stderr
    waiting.assert_done()
    assert approver.shell.run("rollback", name, "--reason=too early", "--wait").returncode == 0
    waiting.assert_rolled_back(updates=2)
    assert TAKES_ROLLBACK in author.patch({"desiredState": "Migrated"})


def test_the_author_writes_everything_else(author: Person) -> None:
    for change in (
        {"mappings": SPEC["mappings"][:2], "unmappedRoles": "Keep"},
        {"suspend": True},
        {"checks": {"minimumScore": 50}},
        {"approval": {"planHash": None}},
    ):
        assert author.patch(change, "--dry-run=server") == "", change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"approval": {"planHash": HASH}}, TAKES_APPROVE),
        ({"approval": {"policy": "Automatic"}}, "approves every plan"),
        ({"approval": None}, "approves every plan"),
        ({"desiredState": "RolledBack"}, TAKES_ROLLBACK),
        ({"rollback": {"policy": "Never"}}, TAKES_ROLLBACK),
    ],
    ids=str,
)
def test_the_author_does_not_decide(author: Person, approver: Person, change: Any, says: str) -> None:
    assert says in author.patch(change, "--dry-run=server")
    assert approver.patch(change, "--dry-run=server") == ""


@pytest.mark.parametrize(
    "change",
    [
        {"unmappedRoles": "Keep"},
        {"connection": {"secretRef": {"name": "elsewhere"}}},
        {"retry": None},
        {"checks": {"waivers": [{"check": "Locks", "reason": "why not", "expires": "2030-01-01T00:00:00Z"}]}},
    ],
    ids=str,
)
def test_the_approver_does_not_write(approver: Person, change: Any) -> None:
    assert TAKES_UPDATE in approver.patch(change, "--dry-run=server")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (MANUAL, ""),
        ({}, "approves every plan"),
        ({"approval": {"policy": "Manual", "planHash": HASH}}, TAKES_APPROVE),
        ({**MANUAL, "desiredState": "RolledBack"}, TAKES_ROLLBACK),
    ],
    ids=str,
)
def test_what_the_author_may_create_waits_for_somebody_else(
    author: Person, change: dict[str, Any], says: str
) -> None:
    found = author.create(created(**change), "another")
    assert says in found if says else found == ""


def test_who_may_do_everything_still_may(waiting: Stage, author: Person) -> None:
    """A cluster's administrator, who has all verbs."""
    assert author.migration is waiting.migration
    waiting.migration.patch({"approval": {"policy": "Automatic"}, "retry": {"limit": 3}})
    waiting.assert_done()
