"""Gauges of single RoleMigrations, kept as one small record each and spelled out when scraped.

A prometheus_client gauge costs about a kilobyte for each series; with forty
series for each object that would be most of the operator's memory. Here an
object costs one record, and its series go away with it.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from roleshift.api import Phase
from roleshift.engine.identity import ObjectKey

_OBJECT = ("namespace", "name")


@dataclass(frozen=True, slots=True)
class ObjectFigures:
    """What is shown of one RoleMigration; None means not known, and then there is no series.

    Attributes:
        rows_expected: rows that the plan will change.
        rows_processed: rows changed so far.
        safety_score: 0 to 100.
        checks: name and result of each safety check.
    """

    phase: Phase
    suspended: bool = False
    rows_expected: int | None = None
    rows_processed: int | None = None
    safety_score: int | None = None
    checks: tuple[tuple[str, str], ...] = ()


class ObjectMetrics(Collector):
    """Holds the figures of all objects. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._figures: dict[ObjectKey, ObjectFigures] = {}

    def publish(self, key: ObjectKey, figures: ObjectFigures) -> None:
        """Replaces what is shown of one object."""
        with self._lock:
            self._figures[key] = figures

    def forget(self, key: ObjectKey) -> None:
        """Removes all series of one object."""
        with self._lock:
            self._figures.pop(key, None)

    def collect(self) -> Iterator[Metric]:
        """All series as they are now."""
        with self._lock:
            objects = list(self._figures.items())
        yield _phases(objects)
        for name, text, figure in _SINGLE:
            family = GaugeMetricFamily(name, text, labels=_OBJECT)
            for key, figures in objects:
                value = figure(figures)
                if value is not None:
                    family.add_metric((key.namespace, key.name), value)
            yield family
        yield _checks(objects)

    def describe(self) -> list[Metric]:
        """Names without values, so that registering costs nothing."""
        return [GaugeMetricFamily(name, text) for name, text in _DESCRIBED]


_PHASE = ("roleshift_phase", "Phase of a RoleMigration: 1 for the phase that it is in, 0 for all others.")
_CHECK = ("roleshift_check_result", "Result of a safety check: 1 for the result that it has.")
_SINGLE: tuple[tuple[str, str, Callable[[ObjectFigures], float | None]], ...] = (
    ("roleshift_suspended", "1 while a RoleMigration is suspended, else 0.", lambda f: float(f.suspended)),
    ("roleshift_rows_expected", "Rows that the plan will change.", lambda f: f.rows_expected),
    ("roleshift_rows_processed", "Rows changed so far.", lambda f: f.rows_processed),
    ("roleshift_safety_score", "Safety score, 0 to 100.", lambda f: f.safety_score),
)
_DESCRIBED = (_PHASE, *((name, text) for name, text, _ in _SINGLE), _CHECK)


def _phases(objects: list[tuple[ObjectKey, ObjectFigures]]) -> Metric:
    family = GaugeMetricFamily(*_PHASE, labels=(*_OBJECT, "phase"))
    for key, figures in objects:
        for phase in Phase:
            family.add_metric((key.namespace, key.name, phase.value), float(phase is figures.phase))
    return family


def _checks(objects: list[tuple[ObjectKey, ObjectFigures]]) -> Metric:
    family = GaugeMetricFamily(*_CHECK, labels=(*_OBJECT, "check", "result"))
    for key, figures in objects:
        for check, result in figures.checks:
            family.add_metric((key.namespace, key.name, check, result), 1.0)
    return family
