"""Who and what else is at work on the target and in its database. Locks are `locks`'."""

from collections.abc import Sequence
from typing import Any

from roleshift.engine.facts.activity import (
    ActivityFacts,
    CronJob,
    Deadlocks,
    Feedback,
    Hindrance,
    Job,
    OpenTransaction,
    OtherRun,
    TransactionKind,
)
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.target import TargetFacts
from roleshift.errors import Reason
from roleshift.postgres.probes.batch import Answers, Probe, Rows, sql_probe
from roleshift.postgres.probes.locks import Seen
from roleshift.postgres.probes.wanted import oid_of
from roleshift.postgres.statements import statement

_LEDGER, _CRON = "roleshift.migration_run", "cron.job"

TRANSACTIONS: Probe[Rows] = sql_probe("transactions", lambda rows: rows)
"""Read with `open_transactions`, once what is hidden was seen twice."""
_FEEDBACK = sql_probe("feedback", lambda rows: tuple(Feedback(**row) for row in rows))
_BESIDE = sql_probe("beside", lambda rows: {str(row["name"]): bool(row["readable"]) for row in rows})
_CRON_JOBS = sql_probe("cron_jobs", lambda rows: tuple(CronJob(**row) for row in rows))
_DEADLOCKS = sql_probe("deadlocks", lambda rows: Deadlocks(**rows[0]))

WITHOUT_TARGET: Sequence[Probe[Any]] = (TRANSACTIONS, _FEEDBACK, _BESIDE, _DEADLOCKS)
"""Probes of the first batch."""


class OnTarget:
    """Probes of the second batch; those for tables that are not there, or can't be read, are left out."""

    def __init__(self, target: TargetFacts, first: Answers) -> None:
        self._first = first
        self._users = sql_probe("active_users", _users, oid_of(target))
        self._jobs = sql_probe("jobs", lambda rows: tuple(_job(row) for row in rows), oid_of(target))
        self._runs = sql_probe(
            "other_runs",
            lambda rows: tuple(OtherRun(**row) for row in rows),
            oid_of(target),
            database_identity=statement("database_identity"),
        )
        beside = first.of(_BESIDE)
        self._beside = {} if isinstance(beside, ProbeFailure) else beside

    @property
    def probes(self) -> list[Probe[Any]]:
        """What is asked."""
        guarded = ((_LEDGER, self._runs), (_CRON, _CRON_JOBS))
        return [self._users, self._jobs, *(probe for name, probe in guarded if self._beside.get(name))]

    def facts(self, second: Answers, transactions: Seen) -> ActivityFacts:
        """What both batches told."""
        return ActivityFacts(
            users=second.of(self._users),
            jobs=second.of(self._jobs),
            runs=self._guarded(_LEDGER, self._runs, second),
            scheduled=self._guarded(_CRON, _CRON_JOBS, second),
            transactions=open_transactions(transactions),
            feedback=self._first.of(_FEEDBACK),
            deadlocks=self._first.of(_DEADLOCKS),
        )

    def _guarded(
        self, name: str, probe: Probe[tuple[Any, ...]], second: Answers
    ) -> tuple[Any, ...] | ProbeFailure:
        beside = self._first.of(_BESIDE)
        if isinstance(beside, ProbeFailure):
            return beside
        if name not in beside:
            return ()
        if not beside[name]:
            return ProbeFailure(Reason.PERMISSION_DENIED, f"{name} can't be read by the run's role")
        return second.of(probe)


def without_target(first: Answers) -> ActivityFacts:
    """What the first batch told, where there is no target; hidden transactions were seen once."""
    return ActivityFacts(
        transactions=open_transactions(first.of(TRANSACTIONS)),
        feedback=first.of(_FEEDBACK),
        deadlocks=first.of(_DEADLOCKS),
    )


def open_transactions(rows: Seen) -> tuple[OpenTransaction, ...] | ProbeFailure:
    """Transactions of others, oldest first."""
    if isinstance(rows, ProbeFailure):
        return rows
    return tuple(
        OpenTransaction(row["who"], TransactionKind(row["kind"]), row["state"], row["seconds"])
        for row in rows
    )


def _users(rows: Rows) -> dict[str, int]:
    return {row["application"]: row["sessions"] for row in rows}


def _job(row: dict[str, Any]) -> Job:
    return Job(row["who"], row["command"], Hindrance(row["hindrance"]))
