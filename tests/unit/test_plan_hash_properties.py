"""The hash of a plan, from manifest and facts on: what means the same has one, what does not has another."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from roleshift.api import RoleMigrationSpec
from roleshift.checks.subject import Subject
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.look import Facts
from roleshift.engine.facts.table import RoleFacts
from roleshift.engine.plan import AddColumn, AddEnumValue, Plan, SchemaChange, is_missing
from roleshift.engine.target import Column, RelationKind, RoleTypeFacts, TargetFacts, UniqueIndex
from roleshift.errors import Reason
from roleshift.phases.examination import plan_for

NOT_ASKED = ProbeFailure(Reason.CHECKS_FAILED, "not asked")
ROLES = tuple("abcdefgh")
FEW = settings(max_examples=20)
"""Enough where a case has many variants of its own."""
ENUM = "public.kind"
BOOKKEEPING = {
    "previous_role": ("kind", "E"),
    "seniority_level": ("text", "S"),
    "role_migrated_at": ("timestamp with time zone", "D"),
}


@dataclass(frozen=True)
class Scene:
    """A manifest, and what its database is like.

    Attributes:
        spec: spec of the manifest, as YAML has it.
        rows: how many rows hold each role.
        labels: of the enum.
        columns: bookkeeping columns that are there, with their types.
        carried_out: what the run has added already.
    """

    spec: Mapping[str, Any]
    rows: Mapping[str, int]
    labels: tuple[str, ...]
    columns: Mapping[str, str]
    carried_out: tuple[SchemaChange, ...] = ()

    @property
    def facts(self) -> Facts:
        """What a look would find."""
        key = [Column(name, "bigint", "bigint", "N", True, False) for name in ("tenant", "id")]
        role = Column("role", "kind", "kind", "E", True, False)
        others = [
            Column(name, self.columns[name], self.columns[name], category, False, False)
            for name, (_, category) in BOOKKEEPING.items()
            if name in self.columns
        ]
        target = TargetFacts(
            oid=1,
            schema="public",
            table="users",
            kind=RelationKind.TABLE,
            columns=(*key, role, *others),
            unique_indexes=(UniqueIndex("users_pkey", ("tenant", "id"), primary=True, valid=True),),
            role_type=RoleTypeFacts(ENUM, self.labels),
            triggers=(),
            partition_columns=(),
            rows_estimated=1,
            bytes=1,
            owned=True,
        )
        return Facts(NOT_ASKED, target, RoleFacts(self.rows, 0))

    @property
    def plan(self) -> Plan:
        """What would be done."""
        spec = RoleMigrationSpec.model_validate(self.spec)
        made = plan_for(Subject(spec, self.facts), self.carried_out)
        assert made is not None
        return made

    def with_spec(self, change: Callable[[dict[str, Any]], object]) -> "Scene":
        """The same with a changed manifest."""
        spec: dict[str, Any] = deepcopy(dict(self.spec))
        change(spec)
        return replace(self, spec=spec)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Any manifest that can be planned, on any table it fits."""
    froms = draw(st.lists(st.sampled_from(ROLES), min_size=1, max_size=6, unique=True))
    mappings = [
        {"from": one, "to": draw(st.sampled_from(ROLES)), "seniority": draw(st.sampled_from(["low", "high"]))}
        for one in froms
    ]
    waived = draw(st.lists(st.sampled_from(["Locks", "Memory", "CPU"]), unique=True))
    spec = {
        "connection": {"secretRef": {"name": "db", "key": "uri"}},
        "target": {"table": "users", "keyColumns": ["tenant", "id"]},
        "mappings": mappings,
        "unmappedRoles": "Keep",
        "schemaChanges": "AddMissing",
        "privileges": {
            "order": draw(st.permutations(ROLES)),
            "keepAtLeast": [{"role": role, "count": 1} for role in draw(st.sets(st.sampled_from(ROLES)))],
        },
        "checks": {
            "waivers": [
                {"check": name, "reason": "known", "expires": "2030-01-01T00:00:00Z"} for name in waived
            ]
        },
        "validation": {
            "assertions": [
                {"name": name, "query": "SELECT 1", "expected": "1"}
                for name in draw(st.lists(st.sampled_from(["one", "two", "three"]), unique=True))
            ]
        },
    }
    held = draw(st.dictionaries(st.sampled_from(ROLES), st.integers(1, 99)))
    there = draw(st.sets(st.sampled_from(sorted(BOOKKEEPING))))
    labels = draw(st.lists(st.sampled_from(ROLES), unique=True))
    return Scene(spec, held, tuple(labels), {name: BOOKKEEPING[name][0] for name in there})


def shuffled(things: Sequence[Any], random: Random) -> list[Any]:
    return random.sample(list(things), len(things))


# The same


@given(scenes(), st.randoms(use_true_random=False))
def test_the_order_in_which_things_are_listed_or_found_does_not_matter(scene: Scene, random: Random) -> None:
    def reorder(spec: dict[str, Any]) -> None:
        spec["mappings"] = shuffled(spec["mappings"], random)
        spec["target"]["keyColumns"] = shuffled(spec["target"]["keyColumns"], random)
        spec["privileges"]["keepAtLeast"] = shuffled(spec["privileges"]["keepAtLeast"], random)
        spec["checks"]["waivers"] = shuffled(spec["checks"]["waivers"], random)
        spec["validation"]["assertions"] = shuffled(spec["validation"]["assertions"], random)

    rows = dict(shuffled(list(scene.rows.items()), random))
    other = replace(scene.with_spec(reorder), rows=rows)
    assert other.plan.hash == scene.plan.hash
    assert other.plan.schema_changes == scene.plan.schema_changes


@given(scenes(), st.integers(1, 10**6))
def test_how_many_rows_there_are_does_not_matter(scene: Scene, more: int) -> None:
    rows = {role: number + more for role, number in scene.rows.items()}
    assert replace(scene, rows=rows).plan.hash == scene.plan.hash


@pytest.mark.parametrize(
    "change",
    [
        {"connection": {"secretRef": {"name": "other", "key": "uri"}}},
        {"suspend": True},
        {"desiredState": "RolledBack"},
        {"approval": {"policy": "Manual"}},
        {"retry": {"limit": 1}},
        {"rollback": {"policy": "Never"}},
        {"deletionPolicy": "DeleteBackups"},
        {"mode": "Apply"},
        {"strategy": {"type": "Transaction"}},
    ],
    ids=lambda change: next(iter(change)),
)
@FEW
@given(scene=scenes())
def test_what_may_still_change_and_defaults_do_not_matter(scene: Scene, change: dict[str, Any]) -> None:
    assert scene.with_spec(lambda spec: spec.update(change)).plan.hash == scene.plan.hash


@given(scenes())
def test_what_limits_the_checks_does_not_matter(scene: Scene) -> None:
    def lower(spec: dict[str, Any]) -> None:
        spec["checks"] |= {"minimumScore": 1, "limits": {"maxActiveUsers": 7}}

    assert scene.with_spec(lower).plan.hash == scene.plan.hash


@given(scenes(), st.integers(0, 20))
def test_what_this_run_has_carried_out_already_does_not_matter(scene: Scene, steps: int) -> None:
    """However far the schema statements had come: the plan is the one that was approved."""
    approved = scene.plan
    carried_out = approved.schema_changes[:steps]
    assert after(scene, carried_out, by_this_run=carried_out).plan.hash == approved.hash
    assert after(scene, carried_out, by_this_run=carried_out).plan.schema_changes == approved.schema_changes


def after(scene: Scene, changes: Sequence[SchemaChange], by_this_run: Sequence[SchemaChange]) -> Scene:
    """The scene once somebody has carried out changes."""
    labels = [change.label for change in changes if isinstance(change, AddEnumValue)]
    columns = {change.column: change.type_name for change in changes if isinstance(change, AddColumn)}
    return replace(
        scene,
        labels=(*scene.labels, *labels),
        columns={**scene.columns, **columns},
        carried_out=tuple(by_this_run),
    )


# Another one


@given(scenes())
def test_what_somebody_else_has_added_matters(scene: Scene) -> None:
    approved = scene.plan
    assume(approved.schema_changes)
    assert after(scene, approved.schema_changes[:1], by_this_run=()).plan.hash != approved.hash


@given(scenes())
def test_what_this_run_has_added_and_somebody_else_has_altered_since_matters(scene: Scene) -> None:
    changes = scene.plan.schema_changes
    altered = [one for one in changes if isinstance(one, AddColumn) and one.column == "seniority_level"]
    assume(altered)
    now = after(scene, changes, by_this_run=changes)
    now = replace(now, columns={**now.columns, "seniority_level": "character varying(3)"})
    assert now.plan.hash != scene.plan.hash


@given(scenes())
def test_what_this_run_has_added_and_somebody_else_has_dropped_is_added_again(scene: Scene) -> None:
    changes = scene.plan.schema_changes
    dropped = [one for one in changes if isinstance(one, AddColumn)]
    assume(dropped)
    now = after(scene, changes, by_this_run=changes)
    now = replace(now, columns={k: v for k, v in now.columns.items() if k != dropped[0].column})
    assert now.plan.hash == scene.plan.hash
    assert [one for one in now.plan.schema_changes if is_missing(one, _target(now))] == [dropped[0]]


def _target(scene: Scene) -> TargetFacts:
    target = scene.facts.target
    assert isinstance(target, TargetFacts)
    return target


@given(scenes(), st.sampled_from(ROLES))
def test_a_mapped_role_that_appears_or_disappears_matters(scene: Scene, role: str) -> None:
    mapped = role in [mapping["from"] for mapping in scene.spec["mappings"]]
    rows = {**scene.rows, role: 1}
    if role in scene.rows:
        rows.pop(role)
    assert (replace(scene, rows=rows).plan.hash != scene.plan.hash) is mapped


def _set(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(spec: dict[str, Any]) -> None:
        part: Any = spec
        for name in path[:-1]:
            part = part.setdefault(name, {}) if isinstance(part, dict) else part[name]
        part[path[-1]] = to

    return change


ASSERTION = {"name": "more", "query": "SELECT 2", "expected": "2"}
WAIVER = {"check": "DiskIO", "reason": "known", "expires": "2030-01-01T00:00:00Z"}
COVERED: dict[str, Callable[[dict[str, Any]], object]] = {
    "table": _set("target", "table", to="others"),
    "schema": _set("target", "schema", to="elsewhere"),
    "a mapping's target": lambda spec: spec["mappings"][0].update(to="another"),
    "a mapping's seniority": lambda spec: spec["mappings"][0].update(seniority="other"),
    "one mapping more": lambda spec: spec["mappings"].append({"from": "nobody", "to": "a"}),
    "unmappedRoles": _set("unmappedRoles", to="Fail"),
    "the order of privileges": lambda spec: spec["privileges"]["order"].reverse(),
    "allowEscalation": _set("privileges", "allowEscalation", to=True),
    "keepAtLeast": lambda spec: spec["privileges"]["keepAtLeast"].append({"role": "more", "count": 1}),
    "one waiver more": lambda spec: spec["checks"]["waivers"].append(WAIVER),
    "one assertion more": lambda spec: spec["validation"]["assertions"].append(ASSERTION),
    "strategy": _set("strategy", "type", to="Batched"),
    "lockTimeoutSeconds": _set("strategy", "lockTimeoutSeconds", to=7),
    "onDuplicate": _set("target", "onDuplicate", to="Merge"),
    "mode": _set("mode", to="DryRun"),
    "a column that is not wanted": _set("target", "columns", "previousRole", to=""),
}


@pytest.mark.parametrize("change", COVERED.values(), ids=COVERED)
@FEW
@given(scene=scenes())
def test_everything_that_a_person_agrees_to_matters(
    scene: Scene, change: Callable[[dict[str, Any]], object]
) -> None:
    assert scene.with_spec(change).plan.hash != scene.plan.hash


@given(scenes(), st.sampled_from(["reason", "expires", "check"]))
def test_every_word_of_a_waiver_matters(scene: Scene, field: str) -> None:
    other = {"reason": "other", "expires": "2031-01-01T00:00:00Z", "check": "DiskIO"}
    assume(scene.spec["checks"]["waivers"])
    changed = scene.with_spec(lambda spec: spec["checks"]["waivers"][0].update({field: other[field]}))
    assert changed.plan.hash != scene.plan.hash


@given(scenes(), st.sampled_from(["query", "expected"]))
def test_every_word_of_an_assertion_matters(scene: Scene, field: str) -> None:
    assume(scene.spec["validation"]["assertions"])
    changed = scene.with_spec(lambda spec: spec["validation"]["assertions"][0].update({field: "9"}))
    assert changed.plan.hash != scene.plan.hash
