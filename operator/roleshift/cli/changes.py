"""How people act on a run: small patches of the object, never of anything else; the operator does the work.

A field that another manager owns, such as a GitOps tool, is changed all the same, with a warning that
names the manager.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from roleshift.api import ApprovalPolicy, ConditionType, DesiredState, Phase, Reason
from roleshift.cli.exit_codes import CommandError, ExitCode
from roleshift.cli.options import Where
from roleshift.cli.ownership import other_managers
from roleshift.cli.session import Session, connected
from roleshift.cli.subject import Subject, subject_of
from roleshift.engine.requests import ACCEPT, FORGET, REASON, REQUESTED_BY, RESUME, RETRY, SUSPENDED_BY

_BEGIN_SECONDS = 15.0
_LOOK_SECONDS = 0.2

_Body = Mapping[str, Any]
_Change = Callable[[Session, str, _Body], Awaitable[str]]


def request_rollback(where: Where, name: str, reason: str) -> None:
    """Ask for the old state; who asks and why goes into annotations."""

    async def change(session: Session, name: str, body: _Body) -> str:
        if subject_of(body).desired_state is DesiredState.ROLLED_BACK:
            return "the rollback was asked for before"
        _warn_of_owners(body, "desiredState", "the request stands as soon as the operator has seen it")
        user = await session.user()
        annotations = {REQUESTED_BY: user, REASON: reason}
        await session.patch(name, _patch(annotations, desiredState=DesiredState.ROLLED_BACK))
        return f"rollback asked for by {user}"

    _apply(change, where, name)


def approve(where: Where, name: str, plan: str | None, reason: str) -> None:
    """Approve the plan in the status; its hash goes into the spec, who and why into annotations.

    Args:
        plan: the hash that has to be the plan's, None takes whatever plan is there.

    Raises:
        CommandError: nothing is there to be approved, or another plan than `plan`.
    """

    async def change(session: Session, name: str, body: _Body) -> str:
        subject = subject_of(body)
        given = _approval(body)
        found = _plan_to_approve(subject, given, plan)
        if given.get("planHash") == found and subject.reason != Reason.WAITING_FOR_APPROVAL:
            return f"the plan {found} was approved before"
        _warn_of_owners(body, "approval.planHash", "the approval stands as soon as the operator has seen it")
        user = await session.user()
        if given.get("planHash") == found:
            await _take_out_of_an_earlier_attempt(session, name)
        annotations = {REQUESTED_BY: user, REASON: reason or None}
        await session.patch(name, _patch(annotations, approval={"planHash": found}))
        return f"plan {found} approved by {user}"

    _apply(change, where, name)


async def _take_out_of_an_earlier_attempt(session: Session, name: str) -> None:
    """The same hash approved an earlier attempt: it counts again once the operator has seen it gone."""
    body = await session.patch(name, _patch({}, approval={"planHash": None}))
    generation = body["metadata"]["generation"]
    if await _once(session, name, lambda subject: subject.status.observed_generation >= generation) is None:
        raise CommandError(
            f"{subject_of(body)}: the approval of an earlier attempt was taken out, and the operator has not "
            f"seen it within {_BEGIN_SECONDS:.0f} s; is it running? Then approve again",
            ExitCode.TIMED_OUT,
        )


def _plan_to_approve(subject: Subject, given: Mapping[str, Any], wanted: str | None) -> str:
    if given.get("policy") != ApprovalPolicy.MANUAL:
        raise CommandError(f"{subject} needs no approval: spec.approval.policy is not Manual")
    if subject.status.phase not in (Phase.PENDING, Phase.CHECKING):
        raise CommandError(f"{subject} is {subject.status.phase}: nothing is left to approve")
    if not subject.is_seen or subject.status.plan is None:
        raise CommandError(f"{subject} has no plan yet: run `roleshift wait {subject.name} --for=plan` first")
    found = subject.status.plan.hash
    if wanted not in (None, found):
        raise CommandError(f"the plan of {subject} is {found} and not {wanted}: read it again")
    return found


def _approval(body: _Body) -> Mapping[str, Any]:
    return body["spec"].get("approval") or {}


def suspend(where: Where, name: str) -> None:
    """Let the run rest; the annotation holds even where a GitOps tool puts the field back."""

    async def change(session: Session, name: str, body: _Body) -> str:
        _warn_of_owners(body, "suspend", "the annotation keeps the run at rest until `roleshift resume`")
        user = await session.user()
        await session.patch(name, _patch({SUSPENDED_BY: user}, suspend=True))
        return f"suspended by {user}"

    _apply(change, where, name)


def resume(where: Where, name: str) -> None:
    """Let a suspended run go on, or have one verified again that waits for a decision."""

    async def change(session: Session, name: str, body: _Body) -> str:
        if subject_of(body).reason == Reason.AWAITING_DECISION:
            annotations = {RESUME: datetime.now(UTC).isoformat(), REQUESTED_BY: await session.user()}
            await session.patch(name, _patch(annotations))
            return "is verified again"
        is_set = subject_of(body).suspended
        if not is_set and SUSPENDED_BY not in _annotations(body):
            return "was not suspended"
        if is_set:
            _warn_of_owners(body, "suspend", "if it is put back, the run rests again")
        await session.patch(name, _patch({SUSPENDED_BY: None}, **({"suspend": False} if is_set else {})))
        return "goes on"

    _apply(change, where, name)


def accept(where: Where, name: str, reason: str) -> None:
    """Take the data as they are although a verification failed; who and why go into annotations.

    Raises:
        CommandError: the run waits for no decision.
    """

    async def change(session: Session, name: str, body: _Body) -> str:
        subject = subject_of(body)
        if subject.reason != Reason.AWAITING_DECISION:
            raise CommandError(f"{subject} is {subject.status.phase} and waits for no decision")
        user = await session.user()
        annotations = {ACCEPT: datetime.now(UTC).isoformat(), REQUESTED_BY: user, REASON: reason}
        await session.patch(name, _patch(annotations))
        return f"accepted by {user}"

    _apply(change, where, name)


def retry(where: Where, name: str) -> None:
    """Ask for a new attempt and see it begin: who waits next must not take the old end for the new one.

    Raises:
        CommandError: the run is neither Failed nor RolledBack nor stalled, or the attempt does not begin.
    """

    async def change(session: Session, name: str, body: _Body) -> str:
        subject = subject_of(body)
        if subject.reason == Reason.FOREIGN_RUN:
            raise CommandError(f"{subject} was copied here with its database: run roleshift forget {name}")
        if not _can_be_retried(subject):
            raise CommandError(
                f"{subject} is {subject.status.phase}: only a Failed or RolledBack run is retried"
            )
        annotations = {RETRY: datetime.now(UTC).isoformat(), REQUESTED_BY: None, REASON: None}
        await session.patch(name, _patch(annotations, **_spec_of_a_new_attempt(subject, body)))
        return await _new_attempt(session, name, subject)

    _apply(change, where, name)


def _spec_of_a_new_attempt(subject: Subject, body: _Body) -> dict[str, Any]:
    """The new state is wanted, and the new attempt's plan is approved anew."""
    spec: dict[str, Any] = {}
    if subject.desired_state is not DesiredState.MIGRATED:
        _warn_of_owners(body, "desiredState", "if it is put back, the new attempt is rolled back")
        spec["desiredState"] = DesiredState.MIGRATED
    if "planHash" in _approval(body):
        _warn_of_owners(body, "approval.planHash", "if it is put back, the new attempt's plan is approved")
        spec["approval"] = {"planHash": None}
    return spec


async def _new_attempt(session: Session, name: str, before: Subject) -> str:
    if before.status.run_id is None:
        return "a new attempt was asked for"
    return await _begun(session, name, lambda subject: subject.status.run_id != before.status.run_id)


async def _begun(session: Session, name: str, holds: Callable[[Subject], bool]) -> str:
    begun = await _once(session, name, holds)
    if begun is None:
        raise CommandError(
            f"{session.key(name)}: a new attempt was asked for and has not begun within "
            f"{_BEGIN_SECONDS:.0f} s; is the operator running, is the run suspended?",
            ExitCode.TIMED_OUT,
        )
    return f"a new attempt has begun, run {begun.status.run_id}"


async def _once(session: Session, name: str, holds: Callable[[Subject], bool]) -> Subject | None:
    """The object as soon as something holds of it, None when that takes too long."""
    try:
        async with asyncio.timeout(_BEGIN_SECONDS):
            async for snapshot in session.snapshots(name, _LOOK_SECONDS):
                if holds(snapshot.subject):
                    return snapshot.subject
    except TimeoutError:
        pass
    return None


def forget(where: Where, name: str) -> None:
    """Have runs forgotten that were copied here with another database; a ForeignRun is seen to begin anew.

    Raises:
        CommandError: nothing that was copied can stand in its way, or the new attempt does not begin.
    """

    async def change(session: Session, name: str, body: _Body) -> str:
        subject = subject_of(body)
        is_foreign = subject.reason == Reason.FOREIGN_RUN
        if not is_foreign and subject.status.phase not in (Phase.PENDING, Phase.CHECKING):
            raise CommandError(f"{subject} is {subject.status.phase}: no copied run stands in its way")
        user = await session.user()
        annotations = {FORGET: datetime.now(UTC).isoformat(), REQUESTED_BY: user, REASON: None}
        await session.patch(name, _patch(annotations))
        if not is_foreign:
            return "copied runs in its way are forgotten at its next look; its events say which"
        return await _begun(session, name, lambda found: found.reason != Reason.FOREIGN_RUN)

    _apply(change, where, name)


def _apply(change: _Change, where: Where, name: str) -> None:
    async def read_and_change(session: Session) -> str:
        body = await session.get(name)
        return f"{session.key(name)}: {await change(session, name, body)}"

    with connected(where) as session:
        print(asyncio.run(read_and_change(session)), flush=True)


def _patch(annotations: Mapping[str, str | None], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"annotations": dict(annotations)}, "spec": spec}


def _annotations(body: _Body) -> Mapping[str, str]:
    return body["metadata"].get("annotations") or {}


def _can_be_retried(subject: Subject) -> bool:
    ended = subject.status.phase in (Phase.FAILED, Phase.ROLLED_BACK)
    return ended or subject.condition(ConditionType.STALLED) is not None


def _warn_of_owners(body: _Body, field: str, consequence: str) -> None:
    owners = other_managers(body["metadata"], ("spec", *field.split(".")))
    if owners:
        names = ", ".join(owners)
        print(
            f"warning: spec.{field} is managed by {names}: change it there too; {consequence}",
            file=sys.stderr,
        )
