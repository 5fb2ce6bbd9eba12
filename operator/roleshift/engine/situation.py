"""What the choice of a run's next step depends on, from its ledger row and its object. Pure."""

from roleshift.api import Mode, Phase
from roleshift.engine.decisions import decision_of
from roleshift.engine.neighbours import Neighbour
from roleshift.engine.requests import Requests
from roleshift.engine.retention import has_lost_its_backups
from roleshift.engine.run import RunRecord
from roleshift.engine.steps import RollbackRequest, Situation, Standing, WriteState


def wants_back(run: RunRecord, requests: Requests) -> bool:
    """Whether a person asks for the old state, or has while there was a way back."""
    noted = run.rollback_requested_at is not None and not has_lost_its_backups(run)
    return requests.rollback is RollbackRequest.REQUESTED or noted


def is_refused_for_good(run: RunRecord, requests: Requests) -> bool:
    """Whether the old state is asked for of a Done run whose backups were removed."""
    return undoes_a_write(run, requests) and has_lost_its_backups(run)


def undoes_a_write(run: RunRecord, requests: Requests) -> bool:
    """Whether a Done run is to be undone that wrote: a later run on the table may stand in its way."""
    return run.phase is Phase.DONE and run.mode is Mode.APPLY and wants_back(run, requests)


def situation_of(run: RunRecord, requests: Requests, newer: Neighbour | None) -> Situation:
    """The situation of a run.

    Args:
        newer: a later run that wrote to the target and was not rolled back; asked for where it matters only.
    """
    unwritten = run.write_state is WriteState.NOT_COMMITTED
    asked = wants_back(run, requests) or (requests.deleting and unwritten)
    return Situation(
        phase=run.phase,
        write=run.write_state,
        rollback=RollbackRequest.REQUESTED if asked else RollbackRequest.NONE,
        suspension=requests.suspension,
        mode=run.mode,
        decision=decision_of(run, requests),
        standing=Standing.LATEST if newer is None else Standing.SUPERSEDED,
    )
