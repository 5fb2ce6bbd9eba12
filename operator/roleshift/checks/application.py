"""Checks on what else happens on the table right now."""

from collections.abc import Sequence

from roleshift.api.safety import CheckResult
from roleshift.checks.subject import Subject, could_not_tell, depends_on
from roleshift.checks.wording import FEW, counted, few
from roleshift.engine.checks import Healing, Judgement, failed, passed, unknown, warning
from roleshift.engine.facts.activity import (
    BlockingSession,
    CronJob,
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

_ROWS_ONLY = "RowShareLock"
"""Of SELECT … FOR UPDATE and its like, and of foreign keys that look whether a row is there."""


def active_users(subject: Subject) -> Judgement:
    """Sessions of others that touch the target at this moment are not more than the limit."""
    users = subject.facts.activity.users
    if subject.target is None:
        return depends_on("UserProfiles")
    if isinstance(users, ProbeFailure):
        return could_not_tell(users)
    limit = subject.spec.checks.limits.max_active_users
    sessions = sum(users.values())
    names = [f"{name}: {count}" for name, count in list(users.items())[:FEW]]
    which = f" ({', '.join(names)})" if names else ""
    using = counted(sessions, "other session uses", "other sessions use")
    measured = f"{using} {subject.table} at this moment{which}, limit maxActiveUsers {limit}"
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
    found = [f"the run of {run.namespace}/{run.name} ({run.phase}){_copied(run)}" for run in runs]
    found += [f"{job.who} runs {job.command}" for job in jobs]
    return failed(
        f"{counted(len(found), 'job is', 'jobs are')} under way on {subject.table}, none is wanted: "
        f"{few(found)}; end them, or wait: the check is made again",
        Reason.CHECKS_WAITING,
        Healing.BY_ITSELF,
    )


def _copied(run: OtherRun) -> str:
    clears = "which came here with a copy of another database: roleshift forget clears it"
    return f", {clears}" if run.copied else ""


def _scheduled(subject: Subject, jobs: Sequence[Job], scheduled: Sequence[CronJob]) -> Judgement:
    harmless = [f"{job.who} runs {job.command}, which gives way" for job in jobs]
    remark = f"; {few(harmless)}" if harmless else ""
    if not scheduled:
        return passed(f"no job on {subject.table} is in the way of the write{remark}")
    names = few([f'"{job.name}" ({job.schedule})' for job in scheduled])
    number = counted(len(scheduled), "active job", "active jobs")
    return warning(
        f"pg_cron has {number} in this database, and one may fall due in the run: {names}; see that none "
        f"writes to {subject.table} then{remark}"
    )


def locks(subject: Subject) -> Judgement:
    """Nobody holds a lock on the target that the write would wait for longer than its lock timeout."""
    facts = subject.facts.locks
    if isinstance(facts, ProbeFailure):
        return could_not_tell(facts)
    if subject.target is None:
        return depends_on("UserProfiles")
    on_table = [session for session in facts.blocking if session.mode != _ROWS_ONLY]
    on_rows = [session for session in facts.blocking if session.mode == _ROWS_ONLY]
    return (
        _held_too_long(subject, on_table, facts.waiting)
        or _held_unseen(subject, on_table)
        or _rows_held(subject, on_rows)
        or _deadlocks(subject)
    )


def _held_too_long(subject: Subject, held: Sequence[BlockingSession], waiting: int) -> Judgement | None:
    limit = subject.spec.strategy.lock_timeout_seconds
    stuck = [session for session in held if session.seconds is not None and session.seconds > limit]
    if not stuck and not waiting:
        return None
    sessions = counted(_number(stuck), "session holds", "sessions hold")
    return failed(
        f"{sessions} a lock on {subject.table} longer than lockTimeoutSeconds {limit}, "
        f"{counted(waiting, 'waits', 'wait')} for one{_named(stuck)}; end them, or wait: the check is made "
        "again",
        Reason.CHECKS_WAITING,
        Healing.BY_ITSELF,
    )


def _held_unseen(subject: Subject, held: Sequence[BlockingSession]) -> Judgement | None:
    hidden = [session for session in held if session.seconds is None]
    if not hidden:
        return None
    sessions = counted(_number(hidden), "session of another role holds", "sessions of other roles hold")
    return unknown(
        f"{sessions} a lock on {subject.table}, and the run's role may not see for how long{_named(hidden)}; "
        f"{_grant(subject)}, or wait: the check is made again",
        Reason.CHECKS_WAITING,
    )


def _rows_held(subject: Subject, held: Sequence[BlockingSession]) -> Judgement | None:
    """Which rows, nobody can see: those that a foreign key looks at are in nobody's way."""
    limit = subject.spec.strategy.lock_timeout_seconds
    long = [session for session in held if session.seconds is None or session.seconds > limit]
    if not long:
        return None
    sessions = counted(_number(long), "session holds", "sessions hold")
    return Judgement(
        CheckResult.WARNING,
        f"{sessions} locks on single rows of {subject.table} longer than lockTimeoutSeconds {limit}"
        f"{_named(long)}; the write waits for rows that are locked FOR UPDATE or FOR SHARE: end them, or "
        "wait: the check is made again",
        Reason.CHECKS_WAITING,
        Healing.BY_ITSELF,
    )


def _number(held: Sequence[BlockingSession]) -> int:
    """Of sessions: one may hold several locks, on partitions for instance."""
    return len({session.who for session in held})


def _deadlocks(subject: Subject) -> Judgement:
    """Deadlocks are only counted: without an earlier look a number says nothing of when."""
    limit = subject.spec.strategy.lock_timeout_seconds
    nobody = f"no session blocks a write to {subject.table} (limit {limit} s)"
    found = subject.facts.activity.deadlocks
    if isinstance(found, ProbeFailure):
        return could_not_tell(found)
    if not found.count:
        return passed(f"{nobody}, and the server has counted no deadlock in this database")
    if found.seconds is not None and found.seconds <= LATELY_SECONDS:
        minutes = counted(max(1, round(found.seconds / 60)), "minute", "minutes")
        return warning(
            f"{nobody}, but {_there_were(found.count)} in this database in the last {minutes}: read the "
            "server's log, and see that the application has no part in them when the run begins"
        )
    since = "" if found.seconds is None else f" in the last {found.seconds / 86_400:.1f} days"
    number = counted(found.count, "deadlock was", "deadlocks were")
    return passed(f"{nobody}; {number} counted in this database{since}, when is not known")


def _there_were(deadlocks: int) -> str:
    return "there was 1 deadlock" if deadlocks == 1 else f"there were {deadlocks} deadlocks"


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
        sessions = counted(len(hidden), "session of another role is", "sessions of other roles are")
        return unknown(
            f"{sessions} in a transaction, and the run's role may not see since when: "
            f"{few([one.who for one in hidden])} (limit maxLongTransactionSeconds {limit}); "
            f"{_grant(subject)}, or wait: the check is made again",
            Reason.CHECKS_WAITING,
        )
    if isinstance(facts.feedback, ProbeFailure):
        return could_not_tell(facts.feedback)
    return _held_back(facts.transactions, facts.feedback, limit)


def _too_old(old: Sequence[OpenTransaction], limit: int) -> Judgement:
    said = few([f"{one.who}, {one.state}, for {one.seconds:.0f} s" for one in old])
    prepared = any(one.kind is TransactionKind.PREPARED for one in old)
    what = (
        "COMMIT PREPARED or ROLLBACK PREPARED what nobody else will end"
        if prepared
        else "end them, or wait: the check is made again"
    )
    return failed(
        f"{counted(len(old), 'transaction is', 'transactions are')} older than maxLongTransactionSeconds "
        f"{limit}: {said}; {what}",
        Reason.CHECKS_FAILED if prepared else Reason.CHECKS_WAITING,
        Healing.BY_A_PERSON if prepared else Healing.BY_ITSELF,
    )


def _held_back(open_: Sequence[OpenTransaction], feedback: Sequence[Feedback], limit: int) -> Judgement:
    oldest = max((one.seconds or 0.0 for one in open_), default=0.0)
    found = counted(len(open_), "other transaction is", "other transactions are")
    ages = f"{found} open in this database, the oldest for {oldest:.0f} s"
    none = "no other transaction is open in this database"
    measured = f"{ages if open_ else none} (limit maxLongTransactionSeconds {limit})"
    left = [one for one in feedback if not one.active]
    if left:
        return warning(
            f"{measured}, but vacuum can't remove what the run leaves behind because of "
            f"{few([_reach(one) for one in left])}, which nobody uses: start its standby, or drop it"
        )
    standbys = f"; vacuum also waits for {few([_reach(one) for one in feedback])}" if feedback else ""
    return passed(f"{measured}{standbys}")


def _reach(one: Feedback) -> str:
    return f"{one.name} ({counted(one.transactions, 'transaction', 'transactions')} back)"


def _named(sessions: Sequence[BlockingSession]) -> str:
    if not sessions:
        return ""
    return ": " + ", ".join(f"{s.who} holds {s.mode}{_for(s)}" for s in sessions[:FEW])


def _for(session: BlockingSession) -> str:
    return "" if session.seconds is None else f" for {session.seconds:.0f} s"


def _grant(subject: Subject) -> str:
    return f"GRANT pg_read_all_stats TO {subject.run_role}"
