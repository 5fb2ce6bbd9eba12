"""The operator's metrics, in a registry of their own.

Labels are namespaces and names of objects and words of closed sets; a role, a
user or SQL text is never one. What counts over the operator's life carries no
object, so the number of series grows with gauges of living objects only.
"""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from roleshift import __version__
from roleshift.api import Phase
from roleshift.engine.identity import ObjectKey
from roleshift.telemetry.object_metrics import ObjectFigures, ObjectMetrics

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_NO_CLASS = "none"
_PHASE_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600)
_RECONCILE_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)
_WRITE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Everything that /metrics shows. Safe to use from several threads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._objects = ObjectMetrics()
        self.registry.register(self._objects)
        ProcessCollector(namespace="roleshift", registry=self.registry)
        self._count_runs()
        self._count_operator()

    def _count_runs(self) -> None:
        self._runs = self._counter(
            "runs",
            "Runs that ended, by outcome; those of another mode than Apply begin with it, as in DryRunDone.",
            "outcome",
        )
        self._rollbacks = self._counter("rollbacks", "Rollbacks that ended.", "trigger", "result")
        self._retries = self._counter("retries", "Steps that are tried again, by reason.", "reason")
        self._database_errors = self._counter(
            "database_errors", "Errors of databases, by the class of their SQLSTATE.", "sqlstate_class"
        )
        self._phases = self._histogram(
            "phase_duration_seconds", "Seconds that a phase took.", _PHASE_BUCKETS, "phase"
        )

    def _count_operator(self) -> None:
        Info("roleshift_build", "What this operator is.", registry=self.registry).info(
            {"version": __version__}
        )
        self._status_writes = self._histogram(
            "status_write_seconds", "Seconds that the API server took for a status.", _WRITE_BUCKETS
        )
        self._reconciles = self._counter("reconcile", "Passes of workers, by outcome.", "outcome")
        self._reconcile_seconds = self._histogram(
            "reconcile_seconds", "Seconds that a pass of a worker took.", _RECONCILE_BUCKETS
        )
        self._requests = self._counter("api_requests", "Requests to the Kubernetes API.", "verb", "code")
        self._leader = self._gauge("leader", "1 while this process holds the Lease, else 0.")
        self._queue = self._gauge("queue_depth", "Objects with a change that no worker has looked at yet.")

    def publish(self, key: ObjectKey, figures: ObjectFigures) -> None:
        """Shows these figures of one object from now on."""
        self._objects.publish(key, figures)

    def forget(self, key: ObjectKey) -> None:
        """Removes all series of an object that is gone."""
        self._objects.forget(key)

    def run_ended(self, outcome: str) -> None:
        """Counts a run that came to its end: Done, RolledBack, Failed.

        A dry run or a rehearsal is no migration: its outcome begins with its mode, as in DryRunDone.
        """
        self._runs.labels(outcome).inc()

    def rollback_ended(self, trigger: str, result: str) -> None:
        """Counts a rollback by what started it and how it ended."""
        self._rollbacks.labels(trigger, result).inc()

    def retried(self, reason: str) -> None:
        """Counts a step that will be tried again."""
        self._retries.labels(reason).inc()

    def database_error(self, sqlstate: str) -> None:
        """Counts an error by the first two characters of its SQLSTATE; "none" for a lost connection."""
        self._database_errors.labels(sqlstate[:2] or _NO_CLASS).inc()

    def phase_ended(self, phase: Phase, seconds: float) -> None:
        """Records how long a phase took."""
        self._phases.labels(phase.value).observe(seconds)

    def status_written(self, seconds: float) -> None:
        """Records how long a status write took."""
        self._status_writes.observe(seconds)

    def reconciled(self, outcome: str, seconds: float) -> None:
        """Records one pass of a worker: how it ended and how long it took."""
        self._reconciles.labels(outcome).inc()
        self._reconcile_seconds.observe(seconds)

    def api_request(self, verb: str, code: str) -> None:
        """Counts a request to the Kubernetes API."""
        self._requests.labels(verb, code).inc()

    def leader_from(self, leading: Callable[[], bool]) -> None:
        """Tells whom to ask, at each scrape, whether this process leads."""
        self._leader.set_function(lambda: float(leading()))

    def queue_depth_from(self, depth: Callable[[], int]) -> None:
        """Tells whom to ask, at each scrape, how many objects wait for a worker."""
        self._queue.set_function(depth)

    def render(self) -> bytes:
        """The metrics in Prometheus' text format, of the type `CONTENT_TYPE`."""
        return generate_latest(self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"roleshift_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"roleshift_{name}", text, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"roleshift_{name}", text, labels, buckets=buckets, registry=self.registry)
