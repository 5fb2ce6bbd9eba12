"""What people ask of a run through its object: fields and annotations, as one value. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from roleshift.api import Approval, DesiredState, RoleMigration, RollbackPolicy
from roleshift.engine.hashing import canonical_hash
from roleshift.engine.identity import spec_hash_of
from roleshift.engine.steps import RollbackRequest, Suspension

RESUME = "roleshift.dev/resumeRequestedAt"
ACCEPT = "roleshift.dev/acceptRequestedAt"
RETRY = "roleshift.dev/retryRequestedAt"
FORGET = "roleshift.dev/forgetRequestedAt"
SUSPENDED_BY = "roleshift.dev/suspended-by"
REQUESTED_BY = "roleshift.dev/requested-by"
REASON = "roleshift.dev/reason"
RECONCILE = "reconcile.fluxcd.io/requestedAt"

_MOST_APPROVALS = 16
_WHAT_PEOPLE_ASK = ("suspend", "desired_state", "approval")


@dataclass(frozen=True, slots=True)
class ApprovalWish:
    """What spec.approval.planHash was at one moment; by whom and why, as the annotations said then."""

    plan_hash: str | None
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Requests:
    """What people ask.

    Attributes:
        spec_hash: hash of the immutable part of the spec; a run is found by it.
        manifest_hash: hash of everything but what people ask; a change of it lets a run
            that failed before its first write begin anew.
        approval: whether a plan has to be approved, and the hash of the one that is.
        approvals: every hash that stood there since somebody last acted on the object, oldest first;
            the last one is that of `approval`.
        retry_token: value of the retry annotation, or "".
        resume_token: value of the annotation that has a run verified again, or "".
        accept_token: value of the annotation that takes the data as they are, or "".
        forget_token: value of the annotation that has copied runs forgotten, or "".
        deleting: the object has a deletion timestamp.
    """

    spec_hash: str
    manifest_hash: str
    rollback: RollbackRequest
    suspension: Suspension
    approval: Approval
    approvals: tuple[ApprovalWish, ...]
    retry_token: str
    resume_token: str
    accept_token: str
    forget_token: str
    requested_by: str
    reason: str
    reconcile: str | None
    rollback_policy: RollbackPolicy
    deleting: bool


def requests_of(migration: RoleMigration) -> Requests:
    """Read the object."""
    spec, notes = migration.spec, migration.metadata.annotations
    wants_back = spec.desired_state is DesiredState.ROLLED_BACK
    who, why = notes.get(REQUESTED_BY, ""), notes.get(REASON, "")
    return Requests(
        spec_hash=spec_hash_of(spec),
        manifest_hash=canonical_hash(
            spec.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=set(_WHAT_PEOPLE_ASK))
        ),
        rollback=RollbackRequest.REQUESTED if wants_back else RollbackRequest.NONE,
        suspension=_suspension(migration, notes),
        approval=spec.approval,
        approvals=(ApprovalWish(spec.approval.plan_hash, who, why),),
        retry_token=notes.get(RETRY, ""),
        resume_token=notes.get(RESUME, ""),
        accept_token=notes.get(ACCEPT, ""),
        forget_token=notes.get(FORGET, ""),
        requested_by=who,
        reason=why,
        reconcile=notes.get(RECONCILE),
        rollback_policy=spec.rollback.policy,
        deleting=migration.metadata.deletion_timestamp is not None,
    )


def _suspension(migration: RoleMigration, notes: Mapping[str, str]) -> Suspension:
    suspended = migration.spec.suspend or SUSPENDED_BY in notes
    return Suspension.SUSPENDED if suspended else Suspension.RUNNING


def with_earlier(now: Requests, earlier: Requests | None) -> Requests:
    """What is asked now, and what was asked before and put back, by a tool that heals drift for instance.

    A rollback that was asked for stays asked for, and each hash that was set may approve a plan. What was
    asked of another spec is not asked of this one.
    """
    if earlier is None or earlier.spec_hash != now.spec_hash:
        return now
    if now.approvals[-1] == earlier.approvals[-1]:
        now = replace(now, approvals=earlier.approvals)
    else:
        now = replace(now, approvals=(*earlier.approvals, *now.approvals)[-_MOST_APPROVALS:])
    if now.rollback is RollbackRequest.REQUESTED or earlier.rollback is RollbackRequest.NONE:
        return now
    return replace(now, rollback=earlier.rollback, requested_by=earlier.requested_by, reason=earlier.reason)


def put_back_by_tools(body: Mapping[str, Any]) -> tuple[Any, ...]:
    """Of an object as the API server gives it, the fields by which people ask and that tools put back."""
    spec = body.get("spec") or {}
    return spec.get("desiredState"), (spec.get("approval") or {}).get("planHash")
