"""Checks on what else happens on the table right now."""

from roleshift.checks.subject import Subject, could_not_tell, depends_on
from roleshift.engine.checks import Healing, Judgement, failed, passed
from roleshift.engine.facts import ProbeFailure
from roleshift.errors import Reason


def locks(subject: Subject) -> Judgement:
    """Nobody holds a lock on the target that the write would wait for longer than its lock timeout."""
    facts = subject.facts.locks
    if isinstance(facts, ProbeFailure):
        return could_not_tell(facts)
    if subject.target is None:
        return depends_on("UserProfiles")
    limit = subject.spec.strategy.lock_timeout_seconds
    stuck = [session for session in facts.blocking if session.seconds > limit]
    if stuck or facts.waiting:
        named = ", ".join(
            f"pid {s.pid} ({s.application or 'no application name'}) holds {s.mode} for {s.seconds:.0f} s"
            for s in stuck[:3]
        )
        return failed(
            f"{len(stuck)} sessions hold a lock on {subject.table} longer than lockTimeoutSeconds {limit}, "
            f"{facts.waiting} wait for one{': ' + named if named else ''}; end them, or wait: "
            "the check is made again",
            Reason.CHECKS_WAITING,
            Healing.BY_ITSELF,
        )
    return passed(f"no session blocks a write to {subject.table} (limit {limit} s)")
