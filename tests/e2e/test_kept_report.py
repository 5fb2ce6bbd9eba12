"""The ConfigMap `<name>-report`, for people who have a kubeconfig and no way to the database."""

import json
from typing import Any

from localenv.wait import wait_until
from roleshift.cluster.reports import ENTRY
from support.migrations import events_of
from support.stage import Stage


def report_of(stage: Stage) -> dict[str, Any] | None:
    name = f"{stage.migration.name}-report"
    found = stage.migration.kubectl("get", "configmap", name, "--ignore-not-found", "-o", "json")
    document: dict[str, Any] | None = json.loads(json.loads(found)["data"][ENTRY]) if found else None
    return document


def wait_for_report(stage: Stage, phase: str) -> dict[str, Any]:
    told: dict[str, Any] = {}

    def look() -> bool:
        told.clear()
        told.update(report_of(stage) or {})
        return bool(told) and told["summary"]["phase"] == phase

    wait_until(look, 20, f"the report of {phase}")
    return told


def test_a_done_run_has_one_that_its_object_owns(stage: Stage) -> None:
    stage.apply()
    stage.assert_done()
    told = wait_for_report(stage, "Done")
    assert told["table"] == "user_profiles"
    assert told["backup"]["rows"] == 1000
    body = stage.migration.kubectl("get", "configmap", f"{stage.migration.name}-report", "-o", "json")
    (owner,) = json.loads(body)["metadata"]["ownerReferences"]
    assert owner["uid"] == stage.migration.read()["metadata"]["uid"]


def test_a_rollback_adds_every_conflict_with_what_the_row_holds(stage: Stage) -> None:
    stage.apply()
    stage.assert_done()
    wait_for_report(stage, "Done")
    stage.database.execute(
        "SET roleshift.run_id = 'somebody'; UPDATE user_profiles SET role = 'junior_dev' WHERE id <= 7"
    )
    stage.migration.roll_back()
    stage.migration.wait_for_phase("RolledBack")
    told = wait_for_report(stage, "RolledBack")
    rows = told["conflicts"]["rows"]
    assert sorted(int(row["key"][0]) for row in rows) == [1, 2, 3, 4, 5, 6, 7]
    assert {row["found"]["role"] for row in rows} == {"junior_dev"}
    assert told["rollback"]["result"] == "Partial"


def test_a_config_map_of_that_name_that_is_somebody_elses_is_left_alone(stage: Stage) -> None:
    name = f"{stage.migration.name}-report"
    stage.migration.kubectl("create", "configmap", name, "--from-literal=mine=1")
    stage.apply()
    stage.assert_done()
    wait_until(
        lambda: "ReportNotWritten" in {reason for _, reason in events_of(stage.migration)}, 20, "it is told"
    )
    data = json.loads(stage.migration.kubectl("get", "configmap", name, "-o", "json"))["data"]
    assert data == {"mine": "1"}


def test_one_that_somebody_removed_is_not_missed_by_the_run(stage: Stage) -> None:
    stage.apply()
    stage.assert_done()
    wait_for_report(stage, "Done")
    stage.migration.kubectl("delete", "configmap", f"{stage.migration.name}-report")
    stage.migration.roll_back()
    stage.assert_rolled_back(updates=2)
    assert wait_for_report(stage, "RolledBack")["conflicts"]["rows"] == []
