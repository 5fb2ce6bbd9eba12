"""Which fields may change, and the part of the spec that a run is identified by."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from roleshift.api import CHANGES, Change, RoleMigrationSpec, immutable_part, parse_migration
from roleshift.api.structural import structural_schema

MANIFESTS = Path(__file__).parents[1] / "manifests"


def spec(**fields: Any) -> RoleMigrationSpec:
    body = yaml.safe_load((MANIFESTS / "minimal.yaml").read_text())
    body["spec"] |= fields
    return parse_migration(body).spec


def leaves(schema: dict[str, Any], path: str = "") -> list[str]:
    if "properties" not in schema:
        return [path]
    return [
        leaf
        for name, part in schema["properties"].items()
        for leaf in leaves(part, f"{path}.{name}".lstrip("."))
    ]


def test_every_field_of_the_spec_stands_in_the_table_exactly_once() -> None:
    for leaf in leaves(structural_schema(RoleMigrationSpec)):
        covering = [path for path in CHANGES if leaf == path or leaf.startswith(f"{path}.")]
        assert len(covering) == 1, leaf


def test_every_entry_of_the_table_is_a_field() -> None:
    every = leaves(structural_schema(RoleMigrationSpec))
    for path in CHANGES:
        assert any(leaf == path or leaf.startswith(f"{path}.") for leaf in every), path


def test_only_what_makes_the_run_another_one_is_part_of_its_identity() -> None:
    assert immutable_part(spec()) == {
        "target": {"table": "users"},
        "mappings": [{"from": "junior_dev", "to": "developer"}],
    }


@pytest.mark.parametrize(
    "same",
    [
        {"connection": {"clusterRef": {"name": "people"}}},
        {"suspend": True},
        {"desiredState": "RolledBack"},
        {"approval": {"policy": "Manual"}},
        {"checks": {"minimumScore": 50}},
        {"backup": {"retentionSeconds": 60}},
        {"strategy": {"batched": {"throttle": {"maxLockWaiters": 1}}}},
        {"rollback": {"policy": "Never"}},
        {"retry": {"limit": 1}},
        {"deletionPolicy": "DeleteBackups"},
        {"observation": {"durationSeconds": 60}},
        {"window": {"schedule": "0 2 * * 6", "durationSeconds": 3600}},
    ],
    ids=lambda same: next(iter(same)),
)
def test_a_field_that_may_change_is_no_part_of_it(same: dict[str, Any]) -> None:
    assert immutable_part(spec(**same)) == immutable_part(spec())


@pytest.mark.parametrize(
    "same",
    [
        {"target": {"table": "users", "schema": "public", "columns": {}, "assignments": []}},
        {"unmappedRoles": "Fail", "schemaChanges": "None", "mode": "Apply"},
        {"strategy": {"type": "Transaction", "batched": {"batchSize": {"initial": 5000}}}},
        {"backup": {"methods": ["Table"]}},
        {"privileges": {"order": [], "allowEscalation": False}},
        {"validation": {"assertions": []}},
    ],
    ids=lambda same: next(iter(same)),
)
def test_a_default_that_is_written_out_makes_no_difference(same: dict[str, Any]) -> None:
    assert immutable_part(spec(**same)) == immutable_part(spec())


def test_the_order_of_a_keyed_list_makes_no_difference() -> None:
    mappings = [{"from": "b", "to": "c"}, {"from": "a", "to": "b"}]
    kept = [{"role": "b", "count": 1}, {"role": "a", "count": 2}]
    one = spec(
        mappings=mappings, privileges={"keepAtLeast": kept}, target={"table": "t", "keyColumns": ["b", "a"]}
    )
    other = spec(
        mappings=mappings[::-1],
        privileges={"keepAtLeast": kept[::-1]},
        target={"table": "t", "keyColumns": ["a", "b"]},
    )
    assert json.dumps(immutable_part(one)) == json.dumps(immutable_part(other))


def test_the_order_of_privileges_makes_a_difference() -> None:
    weak_first, strong_first = spec(privileges={"order": ["a", "b"]}), spec(privileges={"order": ["b", "a"]})
    assert immutable_part(weak_first) != immutable_part(strong_first)


def test_a_dry_run_is_not_the_run_itself() -> None:
    assert CHANGES["mode"] is Change.ONLY_TO_APPLY
    assert immutable_part(spec(mode="DryRun"))["mode"] == "DryRun"


def test_it_is_plain_values() -> None:
    full = parse_migration(yaml.safe_load((MANIFESTS / "full.yaml").read_text())).spec
    part = immutable_part(full)
    assert json.loads(json.dumps(part)) == part
    assert set(part) == {
        "target",
        "mappings",
        "privileges",
        "schemaChanges",
        "backup",
        "validation",
        "maintenance",
    }
    assert part["backup"]["methods"] == ["Archive", "Table"]
