"""`roleshift report` of real runs: what the plan said, what happened, and how right the estimates were."""

import json
from typing import Any

import pytest

from support.cli_shell import Shell
from support.stage import BROKEN_ASSERTION, Stage


@pytest.fixture
def shell(stage: Stage) -> Shell:
    """A person who runs `roleshift` on the stage's migration."""
    migration = stage.migration
    return Shell(stage.control_plane.api, stage.control_plane.kubeconfig, migration.namespace, migration.name)


def document(shell: Shell) -> dict[str, Any]:
    """The report as JSON."""
    done = shell.run("report", shell.name, "-o", "json")
    assert (done.returncode, done.stderr) == (0, "")
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def estimates(made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["what"]: one for one in made["estimates"]}


def test_a_finished_run_holds_its_estimates_against_what_they_came_to(stage: Stage, shell: Shell) -> None:
    stage.apply()
    status = stage.assert_done()
    made = document(shell)
    found = estimates(made)
    assert set(found) == {"lock", "wal", "image"}
    assert found["lock"]["estimated"] == status["plan"]["estimatedSeconds"]
    assert 0 < found["lock"]["measured"] < 30
    assert 0.5 < found["wal"]["estimated"] / found["wal"]["measured"] < 4
    assert found["image"]["measured"] == status["backup"]["bytes"]
    assert [step["name"] for step in made["timeline"]] == ["Checking", "BackingUp", "Migrating", "Validating"]
    assert made["summary"]["reason"] == "MigrationCompleted"
    assert {one["result"] for one in made["validation"]["results"]} == {"Passed"}
    text = shell.run("report", shell.name).stdout
    for said in (
        "Table locked",
        "WAL, image and write",
        "junior_dev → developer",
        "Completeness",
        "Timeline",
    ):
        assert said in text
    messages = {step["name"]: step["message"] for step in status["steps"]}
    assert "estimated)" in messages["BackingUp"]
    assert "the table was locked for" in messages["Migrating"]
    described = stage.migration.kubectl("describe", "rolemig", stage.migration.name)
    for said in ("Estimated Seconds:", "Measured Seconds:", "Measured WALBytes:"):
        assert said in described


def test_what_the_write_took_is_kept_when_it_is_rolled_back(stage: Stage, shell: Shell) -> None:
    stage.apply()
    stage.assert_done()
    before = estimates(document(shell))
    stage.migration.roll_back()
    stage.assert_rolled_back(updates=2)
    made = document(shell)
    assert estimates(made) == before
    assert made["rollback"]["rowsRestored"] == 1000


def test_a_write_that_was_rolled_back_has_no_measurement_but_its_failure(stage: Stage, shell: Shell) -> None:
    stage.apply(validation={"assertions": [BROKEN_ASSERTION]})
    stage.assert_rolled_back(updates=0)
    made = document(shell)
    assert set(estimates(made)) == {"image"}
    assert made["summary"]["phase"] == "RolledBack"
    assert "Failed" in {one["result"] for one in made["validation"]["results"]}


def test_a_run_that_waits_has_a_report_too_and_one_that_is_not_there_an_error(
    stage: Stage, shell: Shell
) -> None:
    stage.apply(approval={"policy": "Manual"})
    stage.migration.wait_for_reason("WaitingForApproval")
    made = document(shell)
    assert made["plan"]["hash"].startswith("sha256:")
    assert made["estimates"] == []
    missing = shell.run("report", "nobody")
    assert missing.returncode == 1
    assert "there is no RoleMigration nobody" in missing.stderr
