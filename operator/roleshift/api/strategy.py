"""spec.strategy and spec.retry: how the rows are written, how fast, and how often it is tried again."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, StrictInt

from roleshift.api.base import ListOf, Rule, SpecModel

StandbyName = Annotated[str, Field(min_length=1, max_length=253)]


class StrategyType(StrEnum):
    """Transaction: all rows or none, writers wait. Batched: many small transactions, writers go on."""

    TRANSACTION = "Transaction"
    BATCHED = "Batched"


class BatchSize(SpecModel):
    """Rows in one batch; the operator moves between the bounds to meet targetBatchSeconds."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="initial",
            message="must lie between min and max (defaults: initial 5000, min 500, max 100000): "
            "write all three so that min <= initial <= max",
            cel="self.?min.orValue(500) <= self.?initial.orValue(5000) && "
            "self.?initial.orValue(5000) <= self.?max.orValue(100000)",
            holds=lambda it: it.min <= it.initial <= it.max,
        ),
    )

    initial: StrictInt = Field(5000, ge=1, le=1_000_000, description="Rows in the first batch.")
    min: StrictInt = Field(500, ge=1, le=1_000_000, description="Fewest rows in a batch.")
    max: StrictInt = Field(100_000, ge=1, le=1_000_000, description="Most rows in a batch.")


class Throttle(SpecModel):
    """Limits that slow the run down: slower at 80% of one, stopped at 100%."""

    max_replication_lag_seconds: StrictInt = Field(
        10, ge=0, le=86_400, description="Lag of the slowest standby, in seconds."
    )
    max_active_connections_percent: StrictInt = Field(
        80, ge=1, le=100, description="Connections in use, in percent of max_connections."
    )
    max_lock_waiters: StrictInt = Field(
        5, ge=0, le=10_000, description="Sessions that wait for a lock in this database."
    )
    max_wal_bytes_per_second: StrictInt | None = Field(
        None, ge=1, le=1_000_000_000_000, description="WAL written, in bytes per second. Absent: no limit."
    )
    standbys: Annotated[list[StandbyName], Field(max_length=32), ListOf("set")] = Field(
        [], description="application_name of the standbys whose lag counts. Absent: all that can be seen."
    )


class Batched(SpecModel):
    """Settings of the Batched strategy."""

    parallelism: StrictInt = Field(2, ge=1, le=16, description="Sessions that write side by side.")
    batch_size: BatchSize = Field(BatchSize(), description="Rows in one batch.")
    target_batch_seconds: StrictInt = Field(
        1, ge=1, le=60, description="Seconds that a batch should take; its size follows."
    )
    throttle: Throttle = Field(Throttle(), description="Limits that slow the run down.")


class Strategy(SpecModel):
    """How the rows are written."""

    type: StrategyType = Field(
        StrategyType.TRANSACTION,
        description="Transaction: all rows or none, writers wait. Batched: many small transactions.",
    )
    lock_timeout_seconds: StrictInt = Field(
        5, ge=1, le=3600, description="Longest wait for a lock, in seconds."
    )
    statement_timeout_seconds: StrictInt = Field(
        600, ge=1, le=86_400, description="Longest single statement, in seconds."
    )
    batched: Batched = Field(Batched(), description="Settings of the Batched strategy.")


class Retry(SpecModel):
    """How often a phase that had begun to write is tried again, and the pauses between attempts."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="maxBackoffSeconds",
            message="must be at least backoffSeconds (defaults: 10 and 300): raise it or lower the other",
            cel="self.?backoffSeconds.orValue(10) <= self.?maxBackoffSeconds.orValue(300)",
            holds=lambda it: it.backoff_seconds <= it.max_backoff_seconds,
        ),
    )

    limit: StrictInt = Field(
        6, ge=0, le=100, description="Failed attempts after the first write before giving up."
    )
    backoff_seconds: StrictInt = Field(
        10, ge=1, le=3600, description="First pause, in seconds; each one doubles."
    )
    max_backoff_seconds: StrictInt = Field(300, ge=1, le=86_400, description="Longest pause, in seconds.")
