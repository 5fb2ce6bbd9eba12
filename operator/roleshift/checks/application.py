"""Checks on what else happens on the table right now."""

from collections.abc import Sequence

from roleshift.checks.subject import Subject, could_not_tell, depends_on
from roleshift.engine.checks import Healing, Judgement, failed, passed, unknown, warning
from roleshift.engine.facts.activity import (
    BlockingSession,
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
from roleshift.errors import Reason

LATELY_SECONDS = 3600
"""The server counts deadlocks without a time: they are of late while it counts no longer than this."""

_NAMED = 3


def active_users(subject: Subject) -> Judgement:
    """Sessions of others that touch the target at this moment are not more than the limit."""
    users = subject.facts.activity.users
    if subject.target is None:
        return depends_on("UserProfiles")
    if isinstance(users, ProbeFailure):
        return could_not_tell(users)
    limit = subject.spec.checks.limits.max_active_users
    sessions = sum(users.values())
    names = [f"{name}: {count}" for name, count in list(users.items())[:_NAMED]]
    which = f" ({', '.join(names)})" if names else ""
    measured = (
        f"{sessions} other sessions use {subject.table} at this moment{which}, limit maxActiveUsers {limit}"
    )
    if sessions <= limit:
        return passed(measured)
    return failed(
        f"{measured}: stop what uses it, or wait: the check is made again",
        Reason.CHECKS_WAITING,
        Healing.BY_ITSELF,
    )


def background_jobs(subject: Subject) -> Judgement:
    """No maintenance, no COPY, no scheduled job and no other run stands in the way of the write."""
    facts = subject.facts.activity
    if subject.target is None:
        return depends_on("UserProfiles")
    if isinstance(facts.jobs, ProbeFailure):
        return could_not_tell(facts.jobs)
    runs = () if isinstance(facts.runs, ProbeFailure) else facts.runs
    blocking = [job for job in facts.jobs if job.hindrance is Hindrance.BLOCKS]
    if runs or blocking:
        return _jobs_in_the_way(subject, blocking, runs)
    for failure in (facts.runs, facts.scheduled):
        if isinstance(failure, ProbeFailure):
            return unknown(
                f"could not be checked: {failure.message}: grant it, or waive BackgroundJobs once you have "
                "looked yourself",
                failure.reason,
            )
    return _scheduled(subject, facts.jobs, facts.scheduled if isinstance(facts.scheduled, tuple) else ())


def _jobs_in_the_way(subject: Subject, jobs: Sequence[Job], runs: Sequence[OtherRun]) -> Judgement:
    found = [f"the run of {run.namespace}/{run.name} ({run.phase})" for run in runs]
    found += [f"{job.who} runs {job.command}" for job in jobs]
    return failed(
        f"{len(found)} jobs are under way on {subject.table}, none is wanted: {_listed(found)}; "
        "end them, or wait: the check is made again",
        Reason.CHECKS_WAITING,
        Healing.BY_ITSELF,
    )


def _scheduled(subject: Subject, jobs: Sequence[Job], scheduled: Sequence[CronJob]) -> Judgement:
    harmless = [f"{job.who} runs {job.command}, which gives way" for job in jobs]
    remark = f"; {_listed(harmless)}" if harmless else ""
    if not scheduled:
        return passed(f"no job on {subject.table} is in the way of the write{remark}")
    names = _listed([f'"{job.name}" ({job.schedule})' for job in scheduled])
    return warning(
        f"pg_cron has {len(scheduled)} active jobs in this database, and one may fall due in the run: "
        f"{names}; see that none writes to {subject.table} then{remark}"
    )


def locks(subject: Subject) -> Judgement:
    """Nobody holds a lock on the target that the write would wait for longer than its lock timeout."""
    facts = subject.facts.locks
    if isinstance(facts, ProbeFailure):
        return could_not_tell(facts)
    if subject.target is None:
        return depends_on("UserProfiles")
    limit = subject.spec.strategy.lock_timeout_seconds
    stuck = [session for session in facts.blocking if session.seconds is not None and session.seconds > limit]
    if stuck or facts.waiting:
        return failed(
            f"{len(stuck)} sessions hold a lock on {subject.table} longer than lockTimeoutSeconds {limit}, "
            f"{facts.waiting} wait for one{_named(stuck)}; end them, or wait: the check is made again",
            Reason.CHECKS_WAITING,
            Healing.BY_ITSELF,
        )
    hidden = [session for session in facts.blocking if session.seconds is None]
    if hidden:
        return unknown(
            f"{len(hidden)} sessions of other roles hold a lock on {subject.table}, and the run's role may "
            f"not see for how long{_named(hidden)}; {_grant(subject)}, or wait: the check is made again",
            Reason.CHECKS_WAITING,
        )
    return _deadlocks(f"no session blocks a write to {subject.table} (limit {limit} s)", subject)


def _deadlocks(nobody: str, subject: Subject) -> Judgement:
    """Deadlocks are only counted: without an earlier look a number says nothing of when."""
    counted = subject.facts.activity.deadlocks
    if isinstance(counted, ProbeFailure):
        return could_not_tell(counted)
    if not counted.count:
        return passed(f"{nobody}, and the server has counted no deadlock in this database")
    if counted.seconds is not None and counted.seconds <= LATELY_SECONDS:
        return warning(
            f"{nobody}, but there were {counted.count} deadlocks in this database in the last "
            f"{max(1, round(counted.seconds / 60))} minutes: read the server's log, and see that the "
            "application is not a part of them when the run begins"
        )
    return passed(f"{nobody}; {_counted(counted)}, when is not known")


def _counted(counted: Deadlocks) -> str:
    since = "" if counted.seconds is None else f" in the last {counted.seconds / 86_400:.1f} days"
    return f"{counted.count} deadlocks were counted in this database{since}"


def long_transactions(subject: Subject) -> Judgement:
    """No transaction in the database is older than the limit, and nothing holds vacuum back."""
    facts = subject.facts.activity
    if isinstance(facts.transactions, ProbeFailure):
        return could_not_tell(facts.transactions)
    limit = subject.spec.checks.limits.max_long_transaction_seconds
    old = [one for one in facts.transactions if one.seconds is not None and one.seconds > limit]
    if old:
        return _too_old(old, limit)
    hidden = [one for one in facts.transactions if one.seconds is None]
    if hidden:
        return unknown(
            f"{len(hidden)} sessions of other roles are in a transaction, and the run's role may not see "
            f"since when: {_listed([one.who for one in hidden])} (limit maxLongTransactionSeconds {limit}); "
            f"{_grant(subject)}, or wait: the check is made again",
            Reason.CHECKS_WAITING,
        )
    if isinstance(facts.feedback, ProbeFailure):
        return could_not_tell(facts.feedback)
    return _held_back(facts.transactions, facts.feedback, limit)


def _too_old(old: Sequence[OpenTransaction], limit: int) -> Judgement:
    said = _listed([f"{one.who}, {one.state}, for {one.seconds:.0f} s" for one in old])
    prepared = any(one.kind is TransactionKind.PREPARED for one in old)
    what = (
        "COMMIT PREPARED or ROLLBACK PREPARED what nobody else will end"
        if prepared
        else "end them, or wait: the check is made again"
    )
    return failed(
        f"{len(old)} transactions are older than maxLongTransactionSeconds {limit}: {said}; {what}",
        Reason.CHECKS_FAILED if prepared else Reason.CHECKS_WAITING,
        Healing.BY_A_PERSON if prepared else Healing.BY_ITSELF,
    )


def _held_back(open_: Sequence[OpenTransaction], feedback: Sequence[Feedback], limit: int) -> Judgement:
    oldest = max((one.seconds or 0.0 for one in open_), default=0.0)
    measured = (
        f"{len(open_)} other transactions are open in this database, the oldest for {oldest:.0f} s "
        f"(limit maxLongTransactionSeconds {limit})"
    )
    left = [one for one in feedback if not one.active]
    if left:
        return warning(
            f"{measured}, but vacuum can't remove what the run leaves behind because of "
            f"{_listed([_reach(one) for one in left])}, which nobody uses: start its standby, or drop it"
        )
    standbys = f"; vacuum also waits for {_listed([_reach(one) for one in feedback])}" if feedback else ""
    return passed(f"{measured}{standbys}")


def _reach(one: Feedback) -> str:
    return f"{one.name} ({one.transactions} transactions back)"


def _listed(found: Sequence[str]) -> str:
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return ", ".join(found[:_NAMED]) + more


def _named(sessions: Sequence[BlockingSession]) -> str:
    if not sessions:
        return ""
    return ": " + ", ".join(f"{s.who} holds {s.mode}{_for(s)}" for s in sessions[:_NAMED])


def _for(session: BlockingSession) -> str:
    return "" if session.seconds is None else f" for {session.seconds:.0f} s"


def _grant(subject: Subject) -> str:
    server = subject.facts.server
    user = "the run's role" if isinstance(server, ProbeFailure) else f'"{server.user}"'
    return f"GRANT pg_read_all_stats TO {user}"
