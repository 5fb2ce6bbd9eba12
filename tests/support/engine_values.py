"""Values of the engine for tests of pure functions: a plain run, changed field by field, and any run."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from roleshift.api import Approval, ApprovalPolicy, Mode, Phase, RollbackPolicy, RollbackResult
from roleshift.api.safety import Category, CheckName, CheckResult, Severity
from roleshift.engine.checks import Finding, Judgement
from roleshift.engine.conditions import Activity, View
from roleshift.engine.identity import RunIdentity
from roleshift.engine.mapping import Cell, MappingProof
from roleshift.engine.plan import Plan
from roleshift.engine.progress import Progress
from roleshift.engine.requests import ApprovalWish, Requests
from roleshift.engine.run import (
    ApprovalRecord,
    Image,
    LogEntry,
    LogOutcome,
    RollbackRecord,
    RunRecord,
    WriteRecord,
)
from roleshift.engine.steps import RollbackRequest, Suspension
from roleshift.engine.target import Column, TargetShape
from roleshift.engine.verification import Verdict, VerificationResult
from roleshift.errors import Reason

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
IDENTITY = RunIdentity("cluster", "people", "seniority", "sha256:spec")
_ROLE = Column("role", "text", "text", "S", not_null=True, generated=False)
SHAPE = TargetShape(1, "public", "user_profiles", (_ROLE,), _ROLE, None, None, None, "id", ())
PROOF = MappingProof((Cell("a", "b", None, 10),), (), {}, {}, 0, {"b": 10}, reversible=True)
PLAN = Plan("sha256:plan", SHAPE, PROOF, (), 0, (), 1, 4000, "SHARE ROW EXCLUSIVE")
IMAGE = Image("migration_backup_user_profiles_1", 10, 8192, "42", NOW, NOW + timedelta(days=30))
WRITE = WriteRecord(7, NOW, 10)
PASSED = VerificationResult("Completeness", Verdict.PASSED, "all rows")
FAILED = VerificationResult("UserCount", Verdict.FAILED, "a row is missing")


def run_in(phase: Phase, **changes: Any) -> RunRecord:
    """A run in a phase, with as much of the rest as the test says."""
    plain = RunRecord(
        run_id="00000000-0000-4000-8000-000000000001",
        identity=IDENTITY,
        manifest_hash="sha256:manifest",
        attempt=1,
        phase=phase,
        reason=Reason.CHECKING,
        message="",
        epoch=1,
        active=False,
        created_at=NOW,
        phase_started_at=NOW,
    )
    return replace(plain, **changes)


def asks(**changes: Any) -> Requests:
    """A manifest that asks for nothing special, changed."""
    plain = Requests(
        spec_hash="sha256:spec",
        manifest_hash="sha256:manifest",
        rollback=RollbackRequest.NONE,
        suspension=Suspension.RUNNING,
        approval=Approval(),
        approvals=(),
        retry_token="",
        resume_token="",
        accept_token="",
        forget_token="",
        requested_by="",
        reason="",
        reconcile=None,
        rollback_policy=RollbackPolicy.AUTOMATIC,
        deleting=False,
    )
    asked = replace(plain, **changes)
    return replace(asked, approvals=changes.get("approvals", (ApprovalWish(asked.approval.plan_hash),)))


def manual(plan_hash: str | None = None) -> Approval:
    """spec.approval that wants a person, with the hash that one has approved."""
    return Approval(policy=ApprovalPolicy.MANUAL, plan_hash=plan_hash)


def approved(plan: Plan = PLAN, **changes: Any) -> ApprovalRecord:
    """What the ledger latched of an approval."""
    return replace(ApprovalRecord(plan.hash, NOW, "ada", "read it", plan), **changes)


def finding(result: CheckResult, name: CheckName = CheckName.LOCKS) -> Finding:
    """A critical check that came to a result."""
    return Finding(
        name, Category.APPLICATION, Severity.CRITICAL, Judgement(result, "measured", Reason.LOCK_TIMEOUT)
    )


_counts = st.integers(0, 2**53)
_texts = st.text(max_size=3000)
_moments = st.integers(0, 10**9).map(lambda seconds: NOW + timedelta(seconds=seconds))


def _lists(of: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, max_size=most).map(tuple)


_cells = st.builds(Cell, _texts, _texts, st.none() | _texts, _counts)
_proofs = st.builds(
    MappingProof,
    cells=st.one_of(_lists(_cells, 3), st.just((Cell("from", "to", None, 1),) * 700)),
    unused=st.just(()),
    unmapped=st.just({}),
    arrived=st.just({}),
    null_rows=_counts,
    after=st.just({}),
    reversible=st.booleans(),
)
_plans = st.builds(
    Plan,
    hash=_texts,
    shape=st.just(SHAPE),
    proof=_proofs,
    schema_changes=st.just(()),
    collisions=_counts,
    escalations=st.one_of(_lists(_texts, 3), st.just(("stronger",) * 100)),
    estimated_seconds=st.none() | _counts,
    estimated_wal_bytes=st.none() | _counts,
    lock=_texts,
    statements=st.one_of(_lists(st.text(max_size=10_000), 2), st.just(("SELECT",) * 100)),
)
_findings = st.lists(
    st.builds(
        Finding,
        st.sampled_from(CheckName),
        st.sampled_from(Category),
        st.sampled_from(Severity),
        st.builds(Judgement, st.sampled_from(CheckResult), _texts, st.sampled_from(Reason)),
    ),
    max_size=24,
    unique_by=lambda one: one.name,
).map(tuple)
_verifications = st.lists(
    st.builds(VerificationResult, st.text(min_size=1, max_size=60), st.sampled_from(Verdict), _texts),
    max_size=70,
    unique_by=lambda one: one.name,
).map(tuple)
_images = st.builds(Image, _texts, _counts, _counts, _texts, _moments, _moments)
_writes = st.builds(WriteRecord, _counts, _moments, _counts)
_rollbacks = st.builds(
    RollbackRecord,
    trigger=st.sampled_from(Reason),
    requested_by=_texts,
    reason=_texts,
    result=st.none() | st.sampled_from(RollbackResult),
    rows_restored=_counts,
    conflicts=_counts,
    examples=_lists(_texts, 9),
    remaining=_counts,
)
_log_lines = st.builds(
    LogEntry, st.sampled_from(Phase), st.sampled_from(LogOutcome), _moments, _moments, _counts, _texts
)

runs = st.builds(
    RunRecord,
    run_id=st.uuids().map(str),
    identity=st.just(IDENTITY),
    manifest_hash=st.just("sha256:manifest"),
    mode=st.sampled_from(Mode),
    attempt=st.integers(1, 9),
    phase=st.sampled_from(Phase),
    reason=st.sampled_from(Reason),
    message=_texts,
    epoch=st.integers(0, 9),
    active=st.booleans(),
    created_at=_moments,
    phase_started_at=_moments,
    attempts=st.integers(0, 9),
    completed_at=st.none() | _moments,
    plan=st.none() | _plans,
    approval=st.none() | _plans.map(approved) | st.just(approved()),
    findings=_findings,
    verification=_verifications,
    rollback=st.none() | _rollbacks,
    image=st.none() | _images,
    write=st.none() | _writes,
    log=_lists(_log_lines, 12),
)
"""Any run, legal or not: a projection must hold for each."""

_ENDS = (Phase.DONE, Phase.ROLLED_BACK, Phase.FAILED)


@st.composite
def views(draw: st.DrawFn, phases: Sequence[Phase] = tuple(Phase)) -> View:
    """What a worker may show: ended in an end, working or waiting elsewhere."""
    phase = draw(st.sampled_from(phases))
    underway = st.sampled_from((Activity.WORKING, Activity.WAITING))
    run = draw(st.none() | runs)
    return View(
        phase=phase,
        activity=Activity.ENDED if phase in _ENDS else draw(underway),
        reason=draw(st.sampled_from(Reason)),
        message=draw(_texts),
        run=None if run is None else replace(run, phase=phase),
        findings=draw(_findings),
        progress=draw(st.none() | _progresses()),
    )


@st.composite
def _progresses(draw: st.DrawFn) -> Progress:
    total = draw(st.integers(0, 10**10))
    started = draw(_moments)
    elapsed = timedelta(seconds=draw(st.integers(0, 10**6)))
    return Progress(total, draw(st.integers(0, total)), started, started + elapsed)
