"""spec.observation: what is watched after the data is in place, before the run counts as done."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, StrictInt

from roleshift.api.base import ListOf, Rule, SpecModel
from roleshift.api.connection import SecretRef
from roleshift.api.safety import Severity
from roleshift.api.scalars import EntryName, Query

REVERIFY_SECONDS = 86_400
WATCH_SECONDS = 600


class ComparisonOperator(StrEnum):
    """How a measured value is compared."""

    LESS_THAN = "LessThan"
    LESS_OR_EQUAL = "LessOrEqual"
    GREATER_THAN = "GreaterThan"
    GREATER_OR_EQUAL = "GreaterOrEqual"
    EQUAL = "Equal"
    NOT_EQUAL = "NotEqual"


class SuccessCondition(SpecModel):
    """What a measured value must satisfy."""

    operator: ComparisonOperator = Field(description="How the measured value is compared with value.")
    value: Annotated[
        str, Field(min_length=1, max_length=64, pattern=r"^[-+]?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$")
    ] = Field(description="A number, as text.")


class PrometheusProbe(SpecModel):
    """A PromQL expression that gives one value."""

    address: Annotated[str, Field(min_length=8, max_length=1024, pattern=r"^https?://[^@\s]+$")] = Field(
        description="Base URL of the Prometheus API. No credentials in it."
    )
    query: Query = Field(description="PromQL that gives one value.")
    secret_ref: SecretRef | None = Field(
        None, description="Secret with a bearer token under the key, by default token. Absent: no token."
    )


class SQLProbe(SpecModel):
    """A query on the target database that gives one value."""

    query: Query = Field(description="One read-only statement that returns one row with one column.")


class FeedbackProbe(SpecModel):
    """The number of reports that users made during the run."""

    min_severity: Severity = Field(Severity.MAJOR, description="Reports of this severity or worse count.")


class Metric(SpecModel):
    """One thing that is measured again and again; exactly one of prometheus, sql and feedback."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="",
            message="exactly one of prometheus, sql and feedback must be set: keep the one to measure with",
            cel="[has(self.prometheus), has(self.sql), has(self.feedback)].filter(given, given).size() == 1",
            holds=lambda it: (it.prometheus, it.sql, it.feedback).count(None) == 2,
        ),
    )

    name: EntryName = Field(description="Name in status and report.")
    prometheus: PrometheusProbe | None = Field(None, description="Measure with Prometheus.")
    sql: SQLProbe | None = Field(None, description="Measure with a query on the target database.")
    feedback: FeedbackProbe | None = Field(None, description="Count what users reported.")
    success_condition: SuccessCondition = Field(description="What the value must satisfy.")
    failure_limit: StrictInt = Field(
        0, ge=0, le=1000, description="Measurements that may fail before the observation has failed."
    )


class Observation(SpecModel):
    """What is watched, how long and how often."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="durationSeconds",
            message="must be at least intervalSeconds when metrics are given (defaults: 600 and 30), else "
            "nothing would be measured: raise it, or lower intervalSeconds",
            cel="!has(self.metrics) || size(self.metrics) == 0 || "
            "self.?durationSeconds.orValue(600) >= self.?intervalSeconds.orValue(30)",
            holds=lambda it: not it.metrics or it.watch_seconds >= it.interval_seconds,
        ),
    )

    duration_seconds: StrictInt | None = Field(
        None,
        ge=0,
        le=2_592_000,
        description="Seconds to watch before the run counts as done. Absent: 600 when metrics are given, "
        "else 0.",
    )
    interval_seconds: StrictInt = Field(30, ge=1, le=86_400, description="Seconds between measurements.")
    inconclusive_limit: StrictInt = Field(
        3, ge=0, le=1000, description="Measurements without an answer (empty, NaN) before a person decides."
    )
    error_limit: StrictInt = Field(
        3, ge=0, le=1000, description="Measurements that could not be made before a person decides."
    )
    metrics: Annotated[list[Metric], Field(max_length=16), ListOf("map", ("name",))] = Field(
        [], description="What is measured. Default: nothing."
    )
    reverify_seconds: StrictInt = Field(
        REVERIFY_SECONDS,
        ge=1,
        le=31_536_000,
        description="How often a Done run is verified again, in seconds.",
    )

    @property
    def watch_seconds(self) -> int:
        """How long to watch, in seconds, with the default worked out."""
        if self.duration_seconds is not None:
            return self.duration_seconds
        return WATCH_SECONDS if self.metrics else 0
