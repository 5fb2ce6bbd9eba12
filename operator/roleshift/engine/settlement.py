"""What becomes of a run after an outcome: phase, reason, whether it ended, and the pause. Pure."""

from dataclasses import dataclass

from roleshift.api import Phase
from roleshift.engine.outcome import Advance, Conclude, Extent, Fail, Outcome, Replan, Retry, Undo, Wait
from roleshift.engine.steps import WriteState
from roleshift.engine.transitions import BEFORE_FIRST_WRITE, TERMINAL, next_phase
from roleshift.engine.waiting import (
    WAIT_LIMIT_SECONDS,
    WITHOUT_END,
    pause_before_retry,
    pause_while_waiting,
)
from roleshift.errors import Reason, RoleshiftError

WORKING_REASONS = {
    Phase.PENDING: Reason.ACCEPTED,
    Phase.CHECKING: Reason.CHECKING,
    Phase.BACKING_UP: Reason.BACKING_UP,
    Phase.MIGRATING: Reason.MIGRATING,
    Phase.VALIDATING: Reason.VALIDATING,
    Phase.ROLLING_BACK: Reason.ROLLING_BACK,
    Phase.DONE: Reason.MIGRATION_COMPLETED,
    Phase.ROLLED_BACK: Reason.ROLLED_BACK_ON_REQUEST,
}
_OCCUPIES = frozenset({Phase.BACKING_UP, Phase.MIGRATING, Phase.VALIDATING, Phase.ROLLING_BACK})
_WRITES = frozenset({Phase.BACKING_UP, Phase.MIGRATING, Phase.ROLLING_BACK})
_COUNTS_AS_ATTEMPT = frozenset(
    {Reason.CONNECTION_LOST, Reason.SERIALIZATION_FAILURE, Reason.DISK_FULL, Reason.READ_ONLY}
)


_TRY_AGAIN = (
    "the backup is kept and the table is as the migration left it; mend the cause, then run: "
    'kubectl annotate rolemig NAME --overwrite roleshift.dev/retryRequestedAt="$(date -u +%FT%TZ)"'
)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """spec.retry: attempts, and pauses in seconds."""

    limit: int
    backoff_seconds: float
    max_backoff_seconds: float


@dataclass(frozen=True, slots=True)
class Settlement:
    """Where the run is after an outcome.

    Attributes:
        active: whether it occupies its table.
        attempts: failed attempts of the phase.
        pause: seconds until the next step; 0 goes on at once, None rests until the object changes.
        waiting: nothing failed, something outside has to change.
    """

    phase: Phase
    reason: Reason
    message: str
    active: bool
    ended: bool
    attempts: int
    pause: float | None
    waiting: bool


def settle(phase: Phase, outcome: Outcome, *, attempts: int, looks: int, policy: RetryPolicy) -> Settlement:
    """Apply an outcome to a run.

    Args:
        attempts: failed attempts of the phase so far.
        looks: how often the run has looked at what it waits for.

    Raises:
        IllegalTransition: the transition table has no such move.
    """
    if isinstance(outcome, Retry):
        return _retry(phase, outcome.error, attempts, policy)
    if isinstance(outcome, Wait) and outcome.reason is Reason.AWAITING_DECISION:
        return _stay(phase, outcome.reason, outcome.message, attempts, None, waiting=True)
    if isinstance(outcome, Wait):
        pause = (
            pause_while_waiting(looks, policy.max_backoff_seconds) if outcome.after is None else outcome.after
        )
        return _stay(phase, outcome.reason, outcome.message, attempts, pause, waiting=True)
    return _moved(phase, outcome)


def _retry(phase: Phase, error: RoleshiftError, attempts: int, policy: RetryPolicy) -> Settlement:
    failed = attempts + 1
    if failed > policy.limit and phase is not Phase.ROLLING_BACK:
        message = f"{failed} attempts failed, the last one with {error.reason}: {error.message}"
        return _moved(phase, Fail(Reason.RETRIES_EXHAUSTED, message))
    pause = pause_before_retry(attempts, policy.backoff_seconds, policy.max_backoff_seconds)
    message = f"attempt {failed} failed ({error.message}); the next one begins in {pause:.0f} s"
    return _stay(phase, error.reason, message, failed, pause, waiting=False)


def _stay(
    phase: Phase, reason: Reason, message: str, attempts: int, pause: float | None, *, waiting: bool
) -> Settlement:
    return Settlement(phase, reason, message, phase in _OCCUPIES, False, attempts, pause, waiting)


def _moved(phase: Phase, outcome: Advance | Conclude | Replan | Undo | Fail) -> Settlement:
    to = next_phase(phase, outcome)
    reason = _reason_of(to, outcome)
    ended = to in TERMINAL
    occupied = to in _OCCUPIES or reason is Reason.ROLLBACK_FAILED
    return Settlement(to, reason, outcome.message, occupied, ended, 0, None if ended else 0.0, False)


def _reason_of(to: Phase, outcome: Advance | Conclude | Replan | Undo | Fail) -> Reason:
    """The outcome's own reason; a rollback that a person asked for is not back before it is back."""
    if isinstance(outcome, Advance):
        return WORKING_REASONS[to]
    if to is Phase.ROLLING_BACK and outcome.reason is Reason.ROLLED_BACK_ON_REQUEST:
        return Reason.ROLLING_BACK
    return outcome.reason


def resolved(phase: Phase, outcome: Outcome, write: WriteState) -> Outcome:
    """The ledger's word against the phase's own: the answer to a COMMIT can be lost after it was done.

    Args:
        write: read while no writer of the run can be under way, see `postgres.fence.hold`.
    """
    unknown = not (isinstance(outcome, Advance) or _brings_back(outcome))
    if phase is Phase.MIGRATING and write is WriteState.COMMITTED and unknown:
        return Advance("the rows were written, whatever became of the answer to the COMMIT")
    return outcome


def _brings_back(outcome: Outcome) -> bool:
    return isinstance(outcome, Undo) and outcome.extent is Extent.COMMITTED


def given_up(phase: Phase, outcome: Outcome, waited_seconds: float) -> Outcome:
    """A wait that nobody chose ends the run after 24 hours, as long as nothing was written."""
    if (
        not isinstance(outcome, Wait)
        or phase not in BEFORE_FIRST_WRITE
        or outcome.reason in WITHOUT_END
        or waited_seconds < WAIT_LIMIT_SECONDS
    ):
        return outcome
    return Fail(
        Reason.WAITED_TOO_LONG,
        f"waited for {waited_seconds / 3600:.0f} hours, "
        f"at last because of {outcome.reason}: {outcome.message}",
    )


def outcome_of_error(phase: Phase, error: RoleshiftError) -> Outcome:
    """What an error of a phase means for the run.

    Before the commit nothing of the target was changed, so what can't heal ends
    the run. After it the run never gives up: it waits for a person instead.
    """
    if error.retryable:
        attempt = phase in _WRITES and error.reason in _COUNTS_AS_ATTEMPT
        return Retry(error) if attempt else Wait(error.reason, error.message)
    if phase is Phase.ROLLING_BACK:
        return Fail(Reason.ROLLBACK_FAILED, f"{error.reason}: {error.message}; {_TRY_AGAIN}")
    if phase is Phase.VALIDATING:
        return Wait(error.reason, error.message)
    return Fail(error.reason, error.message)
