"""What people see of a run: after a settlement, at its end, and while something outside has to change."""

from roleshift.api import Phase
from roleshift.engine.conditions import Activity, View
from roleshift.engine.retention import refusal
from roleshift.engine.run import RunRecord
from roleshift.engine.settlement import Settlement
from roleshift.errors import Reason

SUSPENDED = "spec.suspend or the annotation roleshift.dev/suspended-by stands; remove both to go on"


def view_of(run: RunRecord, settlement: Settlement) -> View:
    """What people see of a run after a settlement."""
    activity = _waiting(settlement.reason) if settlement.waiting else Activity.WORKING
    return View(
        phase=settlement.phase,
        activity=Activity.ENDED if settlement.ended else activity,
        reason=settlement.reason,
        message=settlement.message,
        run=run,
        findings=run.findings,
    )


def rehearsing_view(run: RunRecord) -> View:
    """What people see while the whole run is made in a transaction that will be rolled back."""
    lock = f" ({run.plan.lock})" if run.plan else ""
    message = f"the whole run is made in a transaction that is rolled back: it locks the table{lock}"
    return View(Phase.CHECKING, Activity.WORKING, Reason.REHEARSING, message, run, run.findings)


def ended_view(run: RunRecord) -> View:
    """What people see of a run that ended, rebuilt from the ledger alone."""
    return View(run.phase, Activity.ENDED, run.reason, run.message, run, run.findings)


def refused_view(run: RunRecord) -> View:
    """What people see of a Done run whose old roles are asked for, and whose backups were removed."""
    return View(run.phase, Activity.ENDED, Reason.BACKUP_EXPIRED, refusal(run), run, run.findings)


def waiting_view(run: RunRecord | None, reason: Reason, message: str) -> View:
    """What people see while something outside has to change."""
    phase = run.phase if run else Phase.PENDING
    return View(phase, Activity.WAITING, reason, message, run, run.findings if run else ())


def deciding_view(run: RunRecord, message: str) -> View:
    """What people see while a person has to decide what becomes of the data."""
    return View(run.phase, Activity.STALLED, Reason.AWAITING_DECISION, message, run, run.findings)


def _waiting(reason: Reason) -> Activity:
    """Whether a run waits for a person because something is wrong, or for anything else."""
    return Activity.STALLED if reason is Reason.AWAITING_DECISION else Activity.WAITING
