"""Every object can be looked at, also one that the operator refuses or that another version wrote."""

from typing import Any

from roleshift.api import DesiredState, Phase
from roleshift.cli.ownership import other_managers
from roleshift.cli.subject import subject_of
from support.cli_states import migration


def test_a_spec_that_the_models_refuse_does_not_matter() -> None:
    body = migration(Phase.FAILED, reason="InvalidSpec", message="spec.nonsense: remove it")
    body["spec"] = {"nonsense": True, "target": {"schema": "hr", "table": "users"}}
    subject = subject_of(body)
    assert (subject.reason, subject.table) == ("InvalidSpec", "hr.users")
    assert subject.desired_state is DesiredState.MIGRATED


def test_parts_of_a_status_that_are_not_understood_are_left_out() -> None:
    body = migration(Phase.DONE, backup={"rows": "many"}, somethingNew={"x": 1})
    status = subject_of(body).status
    assert status.phase is Phase.DONE
    assert status.backup is None


def test_an_object_without_a_status_has_not_been_seen() -> None:
    body = migration(Phase.PENDING)
    del body["status"]
    assert not subject_of(body).is_seen


class TestOwners:
    def test_other_managers_of_a_field_are_named_once(self) -> None:
        desired: dict[str, Any] = {"f:spec": {".": {}, "f:desiredState": {}}}
        fields = [
            {"manager": "argocd-controller", "fieldsV1": desired},
            {"manager": "argocd-controller", "operation": "Update", "fieldsV1": desired},
            {"manager": "roleshift", "fieldsV1": desired},
            {"manager": "kubectl", "fieldsV1": {"f:spec": {"f:target": {"f:table": {}}}}},
        ]
        assert other_managers({"managedFields": fields}, ("spec", "desiredState")) == ("argocd-controller",)
        assert other_managers({"managedFields": fields}, ("spec", "suspend")) == ()

    def test_an_object_may_have_none(self) -> None:
        assert other_managers({}, ("spec", "suspend")) == ()
