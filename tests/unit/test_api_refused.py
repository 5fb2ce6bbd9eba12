"""The models refuse what the API server refuses, and name the same field (tests/e2e/test_crd.py asks it)."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from roleshift.api import Reason, parse_migration
from roleshift.errors import SpecError

MANIFESTS = Path(__file__).parents[1] / "manifests"
REFUSED: list[dict[str, Any]] = yaml.safe_load((MANIFESTS / "refused.yaml").read_text())


def minimal() -> dict[str, Any]:
    manifest: dict[str, Any] = yaml.safe_load((MANIFESTS / "minimal.yaml").read_text())
    return manifest


def merged(target: Any, patch: Any) -> Any:
    """JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def refusal(manifest: dict[str, Any]) -> SpecError:
    with pytest.raises(SpecError) as caught:
        parse_migration(manifest)
    return caught.value


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["id"])
def test_what_the_api_server_refuses_is_refused_with_the_same_field(case: dict[str, Any]) -> None:
    error = refusal(merged(minimal(), case["patch"]))
    assert error.reason is Reason.INVALID_SPEC
    assert not error.retryable
    field, message = error.message.split(": ", 1)
    assert field == case["field"]
    assert case.get("says", "") in message


def test_every_problem_is_listed_once() -> None:
    manifest = merged(
        minimal(),
        {"spec": {"mode": "Preview", "target": {"table": None}, "retry": {"backoffSeconds": 600, "limt": 1}}},
    )
    listed = refusal(manifest).message.split("; ")
    assert [problem.split(": ")[0] for problem in listed] == [
        "spec.target.table",
        "spec.mode",
        "spec.retry.limt",
    ]


def test_two_broken_rules_of_one_object_are_both_listed() -> None:
    manifest = merged(minimal(), {"spec": {"backup": {"methods": ["Archive"]}}})
    listed = refusal(manifest).message.split("; ")
    assert any(problem.startswith("spec.backup.methods: must contain Table") for problem in listed)
    assert any(problem.startswith("spec.backup.archive: must be set") for problem in listed)


def test_a_misspelt_field_is_answered_with_the_right_name() -> None:
    message = refusal(merged(minimal(), {"spec": {"target": {"keyColumn": ["id"]}}})).message
    assert "did you mean keyColumns?" in message


def test_python_names_are_not_manifest_names() -> None:
    message = refusal(merged(minimal(), {"spec": {"unmapped_roles": "Keep"}})).message
    assert message.startswith("spec.unmapped_roles: is not a field")
    assert "did you mean unmappedRoles?" in message


def test_a_value_is_never_repeated() -> None:
    canary = "canary-password"
    patch = {
        "spec": {"connection": {"secretRef": {"name": f"postgres://u:{canary}@h/db", "password": canary}}}
    }
    assert canary not in refusal(merged(minimal(), patch)).message


def test_another_kind_of_object_is_refused() -> None:
    assert refusal({**minimal(), "kind": "RoleMigrations"}).message.startswith(
        "kind: must be 'RoleMigration'"
    )
