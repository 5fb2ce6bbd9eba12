"""The check on standbys and replication slots."""

from roleshift.checks.subject import Subject, could_not_tell
from roleshift.checks.wording import FEW, counted, few
from roleshift.engine.amounts import amount
from roleshift.engine.checks import Healing, Judgement, failed, passed, unknown, warning
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.replication import ReplicationFacts, Slot, Standby
from roleshift.errors import Reason

_RECONNECTING_SECONDS = 60.0
"""A slot that nobody uses for less than this may only wait for its consumer to come back."""
_AT_RISK = "unreserved"
_LOST = "lost"


def replication_lag(subject: Subject) -> Judgement:
    """No standby lags, no slot holds WAL for nobody; what can't be seen is Unknown."""
    facts = subject.facts.condition.replication
    if isinstance(facts, ProbeFailure):
        return could_not_tell(facts)
    for judge in (_held_wal, _lagging, _nobody_to_wait_for, _own_lag, _not_seen, _lost_slots):
        judgement = judge(subject, facts)
        if judgement is not None:
            return judgement
    return passed(_healthy(subject, facts))


def _held_wal(_: Subject, facts: ReplicationFacts) -> Judgement | None:
    stuck = [slot for slot in facts.slots if _is_stuck(slot)]
    if not stuck:
        return None
    may_heal = all(_was_just_left(slot) for slot in stuck)
    return failed(
        f"replication slots that nobody reads hold back WAL, and the run writes more: {_slots(stuck)}; start "
        f"what reads them, or remove them: SELECT pg_drop_replication_slot('{stuck[0].name}')",
        Reason.CHECKS_WAITING if may_heal else Reason.CHECKS_FAILED,
        Healing.BY_ITSELF if may_heal else Healing.BY_A_PERSON,
    )


def _is_stuck(slot: Slot) -> bool:
    if slot.wal_status == _LOST or slot.bytes_held is None:
        return False
    return not slot.active or slot.wal_status == _AT_RISK


def _was_just_left(slot: Slot) -> bool:
    return slot.inactive_seconds is not None and slot.inactive_seconds < _RECONNECTING_SECONDS


def _slots(slots: list[Slot]) -> str:
    return few([f'"{s.name}" {_held(s)}' for s in slots])


def _held(slot: Slot) -> str:
    held = f"({amount(max(0, slot.bytes_held or 0))}"
    if slot.wal_status == _AT_RISK:
        held += ", about to be lost"
    return (
        f"{held})" if slot.inactive_seconds is None else f"{held}, unused for {slot.inactive_seconds:.0f} s)"
    )


def _lagging(subject: Subject, facts: ReplicationFacts) -> Judgement | None:
    limit = _limit(subject)
    late = [one for one in facts.standbys if one.seconds_behind is not None and one.seconds_behind > limit]
    if not late:
        return None
    return failed(
        f"standbys lag by more than maxReplicationLagSeconds {limit}: {_standbys(late)}; find out what holds "
        "them up, or wait: the check is made again",
        Reason.CHECKS_WAITING,
        Healing.BY_ITSELF,
    )


def _standbys(standbys: list[Standby]) -> str:
    return few(
        [f'"{s.name}" {s.seconds_behind or 0:.0f} s ({amount(s.bytes_behind or 0)})' for s in standbys]
    )


def _nobody_to_wait_for(_: Subject, facts: ReplicationFacts) -> Judgement | None:
    waited_for = any(one.hidden or one.synchronous for one in facts.standbys)
    if not facts.synchronous or waited_for or facts.in_recovery:
        return None
    return failed(
        f"synchronous_standby_names is '{facts.synchronous}' and no such standby is connected, so that a "
        "commit would wait for ever: start it, or wait: the check is made again",
        Reason.CHECKS_WAITING,
        Healing.BY_ITSELF,
    )


def _own_lag(subject: Subject, facts: ReplicationFacts) -> Judgement | None:
    limit = _limit(subject)
    if facts.own_lag_seconds is None or facts.own_lag_seconds <= limit:
        return None
    return failed(
        f"the server is a standby and {facts.own_lag_seconds:.0f} s behind its primary, more than "
        f"maxReplicationLagSeconds {limit}: connect to the primary; the check is made again",
        Reason.CHECKS_WAITING,
        Healing.BY_ITSELF,
    )


def _not_seen(subject: Subject, facts: ReplicationFacts) -> Judgement | None:
    if facts.shared_storage:
        return unknown(
            "Aurora's replicas read the same storage and can't be seen from here: look at AuroraReplicaLag "
            "in CloudWatch; a waiver for ReplicationLag says that somebody has",
            healing=Healing.BY_A_PERSON,
        )
    hidden = [one.name for one in facts.standbys if one.hidden]
    if hidden:
        standbys = counted(len(hidden), "standby is", "standbys are")
        return unknown(
            f"{standbys} connected and the run's role may not see how far behind "
            f"({few(hidden)}): GRANT pg_monitor TO {subject.run_role}",
            healing=Healing.BY_A_PERSON,
        )
    silent = [one.name for one in facts.standbys if one.seconds_behind is None]
    if silent:
        return unknown(
            f"standbys that do not say yet how far they are: {', '.join(silent[:FEW])}; wait: the check "
            "is made again",
            Reason.CHECKS_WAITING,
        )
    return None


def _lost_slots(_: Subject, facts: ReplicationFacts) -> Judgement | None:
    lost = [slot.name for slot in facts.slots if slot.wal_status == _LOST]
    if not lost:
        return None
    return warning(
        "replication slots have lost their WAL, so that their readers can't go on: "
        f"{few(lost)}; build those anew and remove the slots"
    )


def _healthy(subject: Subject, facts: ReplicationFacts) -> str:
    seconds = max((one.seconds_behind or 0 for one in facts.standbys), default=0)
    number = counted(len(facts.standbys), "standby", "standbys")
    standbys = (
        f"{number}, at most {seconds:.1f} s behind (limit {_limit(subject)} s)"
        if facts.standbys
        else "no standby is connected"
    )
    if not facts.slots:
        return f"{standbys}; there is no replication slot"
    slots = counted(len(facts.slots), "replication slot", "replication slots")
    return f"{standbys}; {slots}, none of which holds back WAL that nobody reads"


def _limit(subject: Subject) -> int:
    return subject.spec.checks.limits.max_replication_lag_seconds
