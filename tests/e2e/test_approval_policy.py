"""deploy/approval on a real API server: whoever writes a migration may not approve it, nor roll it back."""

from collections.abc import Iterator
from typing import Any

import pytest

from localenv.api import ApiError
from localenv.controlplane import ControlPlane
from localenv.repository import DEPLOY_APPROVAL
from localenv.wait import wait_until
from roleshift.engine.requests import RETRY
from support.migrations import SPEC, merged
from support.people import Person
from support.stage import BROKEN_ASSERTION, Stage

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


APPROVED = "what it approved may not change under it"


class TestWhatWasApproved:
    """It stays as it is, or is approved anew."""

    @pytest.fixture
    def approved(self, waiting: Stage, approver: Person) -> Stage:
        """A run that was approved and rests before its first write."""
        plan = waiting.migration.status["plan"]["hash"]
        waiting.migration.patch({"suspend": True})
        waiting.migration.wait_for_reason("Suspended")
        assert approver.patch({"approval": {"planHash": plan}}) == ""
        return waiting

    @pytest.mark.parametrize(
        "change",
        [
            {"connection": {"secretRef": {"name": "elsewhere"}}},
            {"checks": {"minimumScore": 1}},
            {"checks": {"limits": {"maxActiveUsers": 1000}}},
            {"retry": {"limit": 1}},
            {"unmappedRoles": "Keep"},
        ],
        ids=str,
    )
    def test_an_author_changes_it_only_together_with_its_approval(
        self, approved: Stage, author: Person, change: dict[str, Any]
    ) -> None:
        assert approved.migration is author.migration
        assert APPROVED in author.patch(change, "--dry-run=server")
        withdrawn = {**change, "approval": {"planHash": None}}
        assert author.patch(withdrawn, "--dry-run=server") == ""

    def test_no_new_attempt_begins_with_its_approval(self, approved: Stage, author: Person) -> None:
        assert approved.migration is author.migration
        asked = {"metadata": {"annotations": {RETRY: "1"}}}
        assert APPROVED in author.patch_body(asked, "--dry-run=server")
        withdrawn = {**asked, "spec": {"approval": {"planHash": None}}}
        assert author.patch_body(withdrawn, "--dry-run=server") == ""

    def test_its_author_may_let_it_rest_and_go_on(self, approved: Stage, author: Person) -> None:
        assert author.patch({"suspend": False}) == ""
        approved.assert_done()


def test_the_author_tries_again_and_somebody_else_approves_again(
    waiting: Stage, author: Person, approver: Person
) -> None:
    first = waiting.migration.status["plan"]["hash"]
    assert author.patch({"validation": {"assertions": [BROKEN_ASSERTION]}}) == ""
    name = waiting.migration.name
    waiting.migration.wait_for(lambda s: s.get("plan", {}).get("hash", first) != first, "another plan")
    waiting.migration.wait_for_reason("WaitingForApproval")
    assert approver.shell.run("approve", name, "--wait").returncode == 4
    done = author.shell.run("retry", name)
    assert (done.returncode, APPROVED in done.stderr) == (0, False), done.stderr
    waiting.migration.wait_for_reason("WaitingForApproval")
    waiting.oracle.assert_before()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"deletionPolicy": "DeleteBackups"}, TAKES_ROLLBACK),
        ({"backup": {"retentionSeconds": 60}}, TAKES_ROLLBACK),
        ({"backup": {"retentionSeconds": 31_536_000}}, ""),
    ],
    ids=str,
)
def test_the_author_does_not_take_the_way_back_away(author: Person, change: Any, says: str) -> None:
    found = author.patch(change, "--dry-run=server")
    assert says in found if says else found == ""


def test_who_decides_may_keep_backups_or_not(approver: Person) -> None:
    assert approver.patch({"deletionPolicy": "DeleteBackups"}, "--dry-run=server") == ""


def test_who_may_write_the_status_changes_no_spec_by_it(waiting: Stage, author: Person) -> None:
    """Through the subresource the API server takes the status and nothing else."""
    writer = Person.with_rules(
        author.migration,
        "reporter",
        [{"apiGroups": ["roleshift.dev"], "resources": ["rolemigrations/status"], "verbs": ["get", "patch"]}],
    )
    plan = waiting.migration.status["plan"]["hash"]
    body = {"spec": {"approval": {"planHash": plan}}, "metadata": {"annotations": {RETRY: "1"}}}
    assert writer.patch_body(body, "--subresource=status") == ""
    now = waiting.migration.read()
    assert now["spec"]["approval"] == {"policy": "Manual"}
    assert RETRY not in now["metadata"].get("annotations", {})
    assert "forbidden" in author.patch_body(body, "--subresource=status")


def test_there_is_no_other_subresource(waiting: Stage) -> None:
    for name in ("scale", "approval"):
        with pytest.raises(ApiError) as refused:
            waiting.control_plane.api.request("GET", f"{waiting.migration.path}/{name}")
        assert refused.value.code == 404


def test_a_name_that_the_api_server_makes_is_no_way_around(author: Person) -> None:
    approved = created(approval={"policy": "Manual", "planHash": HASH})
    assert TAKES_APPROVE in author.create_with_a_name_of_its_own(approved)
    assert author.create_with_a_name_of_its_own(created(**MANUAL)) == ""


def test_server_side_apply_is_no_way_around(author: Person) -> None:
    assert TAKES_APPROVE in author.apply(created(approval={"policy": "Manual", "planHash": HASH}))
    assert author.apply(created(**MANUAL)) == ""


def test_an_object_that_is_made_anew_is_not_approved_by_that(waiting: Stage, author: Person) -> None:
    """The author may delete it, and then create it only as somebody else would have to approve it."""
    assert author.kubectl("delete", "rolemig", waiting.migration.name, "--timeout=20s") == ""
    again = created(approval={"policy": "Manual", "planHash": HASH})
    assert TAKES_APPROVE in author.create(again, waiting.migration.name)
    assert author.create(created(**MANUAL), waiting.migration.name) == ""


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
