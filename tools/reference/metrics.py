"""The page of metrics, from the registry that the operator serves."""

from prometheus_client.core import Metric

from roleshift.api import Phase
from roleshift.engine.identity import ObjectKey
from roleshift.telemetry.metrics import Metrics
from roleshift.telemetry.object_metrics import ObjectFigures

_HEAD = """# Metrics

What `/metrics` of the operator shows (port 8080 in deploy/base). Labels `namespace` and `name` are those of
the RoleMigration; its series go away with it. No label holds a role, a user or SQL.

| Metric | Type | Labels | Meaning |
|---|---|---|---|
"""


def page() -> str:
    """A row for each metric."""
    metrics = Metrics()
    _fill(metrics)
    return _HEAD + "".join(sorted(_row(metric) for metric in metrics.registry.collect()))


def _row(metric: Metric) -> str:
    labels = dict.fromkeys(label for sample in metric.samples for label in sample.labels if label != "le")
    suffix = "_total" if metric.type == "counter" else ""
    return (
        f"| `{metric.name}{suffix}` | {metric.type} | {', '.join(labels) or '–'} | {metric.documentation} |\n"
    )


def _fill(metrics: Metrics) -> None:
    """A metric shows its labels only once it has a sample."""
    checks = (("check", "result"),)
    figures = ObjectFigures(Phase.DONE, rows_expected=1, rows_processed=1, safety_score=1, checks=checks)
    metrics.publish(ObjectKey("namespace", "name"), figures)
    metrics.run_ended("Done")
    metrics.rollback_ended("trigger", "result")
    metrics.retried("reason")
    metrics.database_error("")
    metrics.phase_ended(Phase.DONE, 1.0)
    metrics.reconciled("outcome", 1.0)
    metrics.api_request("GET", "200")
