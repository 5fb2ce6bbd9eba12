"""Metrics: the names that dashboards use, series that go away, no label that could name a person."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from roleshift.api import Phase
from roleshift.engine.identity import ObjectKey
from roleshift.telemetry.metrics import Metrics
from roleshift.telemetry.object_metrics import ObjectFigures

KEY = ObjectKey("people", "seniority")
ALLOWED_LABELS = {
    "namespace", "name", "phase", "check", "result", "outcome", "trigger", "reason", "sqlstate_class",
    "verb", "code", "le", "version",
}  # fmt: skip


def series(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = text_string_to_metric_families(metrics.render().decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, /, **labels: str) -> float | None:
    return series(metrics).get((name, frozenset(labels.items())))


def everything() -> Metrics:
    metrics = Metrics()
    metrics.publish(
        KEY,
        ObjectFigures(
            Phase.MIGRATING,
            rows_expected=100,
            rows_processed=61,
            safety_score=95,
            checks=(("Locks", "Passed"), ("RoleType", "Waived")),
        ),
    )
    metrics.run_ended("Done")
    metrics.rollback_ended("ValidationFailed", "Complete")
    metrics.retried("LockTimeout")
    metrics.database_error("40P01")
    metrics.phase_ended(Phase.CHECKING, 0.3)
    metrics.status_written(0.01)
    metrics.reconciled("Advance", 0.2)
    metrics.api_request("GET", "200")
    metrics.leader_from(lambda: True)
    metrics.queue_depth_from(lambda: 7)
    return metrics


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("roleshift_phase", {"namespace": "people", "name": "seniority", "phase": "Migrating"}, 1),
        ("roleshift_phase", {"namespace": "people", "name": "seniority", "phase": "Done"}, 0),
        ("roleshift_suspended", {"namespace": "people", "name": "seniority"}, 0),
        ("roleshift_rows_expected", {"namespace": "people", "name": "seniority"}, 100),
        ("roleshift_rows_processed", {"namespace": "people", "name": "seniority"}, 61),
        ("roleshift_safety_score", {"namespace": "people", "name": "seniority"}, 95),
        (
            "roleshift_check_result",
            {"namespace": "people", "name": "seniority", "check": "RoleType", "result": "Waived"},
            1,
        ),
        ("roleshift_runs_total", {"outcome": "Done"}, 1),
        ("roleshift_rollbacks_total", {"trigger": "ValidationFailed", "result": "Complete"}, 1),
        ("roleshift_retries_total", {"reason": "LockTimeout"}, 1),
        ("roleshift_database_errors_total", {"sqlstate_class": "40"}, 1),
        ("roleshift_phase_duration_seconds_count", {"phase": "Checking"}, 1),
        ("roleshift_status_write_seconds_count", {}, 1),
        ("roleshift_reconcile_total", {"outcome": "Advance"}, 1),
        ("roleshift_reconcile_seconds_count", {}, 1),
        ("roleshift_api_requests_total", {"verb": "GET", "code": "200"}, 1),
        ("roleshift_leader", {}, 1),
        ("roleshift_queue_depth", {}, 7),
        ("roleshift_build_info", {"version": "0.1.0"}, 1),
    ],
)
def test_each_metric_says_what_happened(name: str, labels: dict[str, str], expected: float) -> None:
    assert value(everything(), name, **labels) == expected


def test_an_object_is_in_exactly_one_phase() -> None:
    phases = [v for (name, _), v in series(everything()).items() if name == "roleshift_phase"]
    assert sorted(phases) == [0] * (len(Phase) - 1) + [1]


def test_the_series_of_a_deleted_object_go_away() -> None:
    metrics = everything()
    metrics.forget(KEY)
    metrics.forget(KEY)
    assert "seniority" not in metrics.render().decode()


def test_what_is_not_known_has_no_series() -> None:
    metrics = Metrics()
    metrics.publish(KEY, ObjectFigures(Phase.PENDING))
    assert value(metrics, "roleshift_safety_score", namespace="people", name="seniority") is None
    assert value(metrics, "roleshift_suspended", namespace="people", name="seniority") == 0


def test_a_lost_connection_has_a_class_of_its_own() -> None:
    metrics = Metrics()
    metrics.database_error("")
    assert value(metrics, "roleshift_database_errors_total", sqlstate_class="none") == 1


def test_every_name_has_the_prefix_and_every_label_is_one_of_a_closed_set() -> None:
    for name, labels in series(everything()):
        assert re.fullmatch(r"roleshift_[a-z0-9_]+", name)
        assert {label for label, _ in labels} <= ALLOWED_LABELS


def test_two_operators_in_one_process_share_nothing() -> None:
    first, second = everything(), Metrics()
    assert value(first, "roleshift_runs_total", outcome="Done") == 1
    assert value(second, "roleshift_runs_total", outcome="Done") is None
