"""What a run shows of itself elsewhere: metrics, probes, logs; and how little it asks of the API server."""

import json
import urllib.request
from typing import Any

import pytest

from localenv.operator import OperatorProcess
from localenv.ports import LOOPBACK
from localenv.wait import wait_until
from roleshift.api import Phase
from support.migrations import events_of
from support.scrape import api_requests, samples, total
from support.stage import BROKEN_ASSERTION, Stage

REQUESTS_OF_A_RUN = 12

# How much it asks of the API server


def test_a_small_migration_needs_few_requests(stage: Stage, operator: OperatorProcess) -> None:
    before = api_requests(operator)
    stage.apply()
    stage.assert_done()
    wait_until(lambda: "finalizers" not in stage.migration.read()["metadata"], 20, "all is written")
    wait_until(lambda: len(events_of(stage.migration)) == 3, 20, "all is told")
    assert api_requests(operator) - before <= REQUESTS_OF_A_RUN


# Metrics


def test_the_metrics_follow_a_run(stage: Stage, operator: OperatorProcess) -> None:
    me = {"namespace": stage.migration.namespace, "name": stage.migration.name}
    runs, rollbacks = total(operator, "roleshift_runs_total"), total(operator, "roleshift_rollbacks_total")
    stage.apply()
    stage.assert_done()
    assert _phase_in_metrics(operator, me) == ["Done"]
    for name in ("roleshift_rows_expected", "roleshift_rows_processed"):
        assert total(operator, name, **me) == 1000
    assert total(operator, "roleshift_safety_score", **me) == stage.migration.status["safety"]["score"]
    assert total(operator, "roleshift_runs_total", outcome="Done") >= 1
    assert total(operator, "roleshift_runs_total") == runs + 1
    for phase in ("Checking", "BackingUp", "Migrating", "Validating"):
        assert total(operator, "roleshift_phase_duration_seconds_count", phase=phase) >= 1
    stage.migration.roll_back()
    stage.assert_rolled_back(updates=2)
    asked = {"trigger": "RolledBackOnRequest", "result": "Complete"}
    wait_until(lambda: total(operator, "roleshift_rollbacks_total") == rollbacks + 1, 20, "it is counted")
    assert total(operator, "roleshift_rollbacks_total", **asked) >= 1
    assert total(operator, "roleshift_runs_total") == runs + 2


def test_the_series_of_an_object_go_with_it(stage: Stage, operator: OperatorProcess) -> None:
    me = {"namespace": stage.migration.namespace, "name": stage.migration.name}
    stage.apply()
    stage.assert_done()
    assert samples(operator, "roleshift_phase", **me)
    stage.migration.delete()
    wait_until(lambda: not samples(operator, "roleshift_phase", **me), 20, "its series are gone")


def _phase_in_metrics(operator: OperatorProcess, me: dict[str, str]) -> list[str]:
    series = samples(operator, "roleshift_phase", **me)
    assert len(series) == len(Phase)
    return [dict(labels)["phase"] for labels, value in series.items() if value == 1]


# Probes and logs


@pytest.mark.parametrize("path", ["healthz", "readyz"])
def test_the_probes_say_yes(operator: OperatorProcess, path: str) -> None:
    with urllib.request.urlopen(f"http://{LOOPBACK}:{operator.health_port}/{path}", timeout=5) as answer:
        assert answer.status == 200


def test_the_log_carries_the_run_and_no_secret_gets_anywhere(stage: Stage, operator: OperatorProcess) -> None:
    stage.apply()
    done = stage.assert_done()
    mine = [
        event
        for event in operator.log_events()
        if event.get("namespace") == stage.migration.namespace and event.get("event") == "run"
    ]
    assert {event["run_id"] for event in mine} == {done["runID"]}
    assert [event["phase"] for event in mine] == list(_UNTIL_DONE)
    seen = [
        operator.log_text(),
        operator.metrics_text(),
        json.dumps(stage.migration.read()),
        stage.migration.kubectl("get", "events", "-o", "json"),
        json.dumps([{k: str(v) for k, v in row.items()} for row in [stage.ledger.run, *stage.ledger.log]]),
    ]
    assert not [text for text in seen if stage.database.password in text]


_UNTIL_DONE = ("Checking", "BackingUp", "Migrating", "Validating", "Done")


# At rest


@pytest.fixture
def rested(stage: Stage, request: pytest.FixtureRequest) -> dict[str, Any]:
    """A run that ended as the test says, and its status."""
    match request.param:
        case "Done":
            stage.apply()
        case "RolledBack":
            stage.apply(validation={"assertions": [BROKEN_ASSERTION]})
        case "Failed":
            stage.apply(target={"table": "nowhere"})
    status = stage.migration.wait_for_end()
    assert status["phase"] == request.param
    wait_until(lambda: "finalizers" not in stage.migration.read()["metadata"], 20, "it is at rest")
    return stage.migration.read()


@pytest.mark.parametrize("rested", ["Done", "RolledBack", "Failed"], indirect=True)
def test_an_operator_that_finds_a_run_at_rest_writes_nothing(
    stage: Stage, operator: OperatorProcess, rested: dict[str, Any]
) -> None:
    epoch = stage.ledger.run["epoch"]
    assert operator.stop() == 0
    operator.start()
    operator.wait_ready()
    stage.migration.patch(annotations={"touched": "yes"})
    wait_until(lambda: total(operator, "roleshift_reconcile_total", outcome="Rested") >= 2, 10, "it looked")
    assert api_requests(operator, "PATCH") == 0
    assert api_requests(operator, "POST") == 0
    assert stage.migration.status == rested["status"]
    assert stage.ledger.run["epoch"] == epoch
