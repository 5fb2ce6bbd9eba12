"""What people ask of a run through its object: fields and annotations, as one value. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from roleshift.api import Approval, DesiredState, RoleMigration
from roleshift.api.fields import immutable_part
from roleshift.engine.hashing import canonical_hash
from roleshift.engine.steps import RollbackRequest, Suspension

RETRY = "roleshift.dev/retryRequestedAt"
SUSPENDED_BY = "roleshift.dev/suspended-by"
REQUESTED_BY = "roleshift.dev/requested-by"
REASON = "roleshift.dev/reason"
RECONCILE = "reconcile.fluxcd.io/requestedAt"

_WHAT_PEOPLE_ASK = ("suspend", "desired_state", "approval")


@dataclass(frozen=True, slots=True)
class Requests:
    """What people ask.

    Attributes:
        spec_hash: hash of the immutable part of the spec; a run is found by it.
        manifest_hash: hash of everything but what people ask; a change of it lets a run
            that failed before its first write begin anew.
        approval: whether a plan has to be approved, and the hash of the one that is.
        retry_token: value of the retry annotation, or "".
        deleting: the object has a deletion timestamp.
    """

    spec_hash: str
    manifest_hash: str
    rollback: RollbackRequest
    suspension: Suspension
    approval: Approval
    retry_token: str
    requested_by: str
    reason: str
    reconcile: str | None
    deleting: bool


def requests_of(migration: RoleMigration) -> Requests:
    """Read the object."""
    spec, notes = migration.spec, migration.metadata.annotations
    wants_back = spec.desired_state is DesiredState.ROLLED_BACK
    return Requests(
        spec_hash=canonical_hash(immutable_part(spec)),
        manifest_hash=canonical_hash(
            spec.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=set(_WHAT_PEOPLE_ASK))
        ),
        rollback=RollbackRequest.REQUESTED if wants_back else RollbackRequest.NONE,
        suspension=_suspension(migration, notes),
        approval=spec.approval,
        retry_token=notes.get(RETRY, ""),
        requested_by=notes.get(REQUESTED_BY, ""),
        reason=notes.get(REASON, ""),
        reconcile=notes.get(RECONCILE),
        deleting=migration.metadata.deletion_timestamp is not None,
    )


def _suspension(migration: RoleMigration, notes: Mapping[str, str]) -> Suspension:
    suspended = migration.spec.suspend or SUSPENDED_BY in notes
    return Suspension.SUSPENDED if suspended else Suspension.RUNNING
