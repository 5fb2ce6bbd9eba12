"""Checks on what else happens on the table right now."""

from collections.abc import Sequence

from roleshift.checks.subject import Subject, could_not_tell, depends_on
from roleshift.engine.checks import Healing, Judgement, failed, passed, unknown
from roleshift.engine.facts.activity import BlockingSession
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.errors import Reason

_NAMED = 3


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
    return passed(f"no session blocks a write to {subject.table} (limit {limit} s)")


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
