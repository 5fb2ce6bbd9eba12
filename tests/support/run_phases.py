"""One run on a real database, led from phase to phase by the test, which may break things in between.

Settles and records outcomes as the operator's driver does; knows nothing of Kubernetes.
"""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Self

from localenv.database import Database
from roleshift.api import Phase, RoleMigrationSpec
from roleshift.api.safety import CheckName
from roleshift.archive.store import StoreAddress
from roleshift.controller import closing
from roleshift.engine.checks import Judgement
from roleshift.engine.connection import ConnectionParameters
from roleshift.engine.facts.surroundings import ArchiveTried, Surroundings
from roleshift.engine.identity import RunIdentity, spec_hash_of
from roleshift.engine.outcome import Advance, Extent, Outcome, Undo
from roleshift.engine.run import RunRecord
from roleshift.engine.settlement import RetryPolicy, Settlement, outcome_of_error, settle
from roleshift.engine.verification import VerificationResult
from roleshift.errors import FencedError, Reason, RoleshiftError
from roleshift.phases import (
    backing_up,
    cancelling,
    checking,
    dry_run,
    migrating,
    rehearsing,
    rolling_back,
    validating,
)
from roleshift.phases.context import Context
from roleshift.postgres import fence, ledger, ledger_schema
from roleshift.postgres.connect import Purpose, open_session
from roleshift.postgres.probes.server import server_facts
from roleshift.postgres.session import Session, Timeouts
from support.migrations import SPEC, merged

NAMESPACE, NAME = "people", "seniority"
_POLICY = RetryPolicy(limit=6, backoff_seconds=10, max_backoff_seconds=300)
PhaseFunction = Callable[[Context], Awaitable[Outcome]]


def spec_of(base: dict[str, Any] | None = None, /, **changes: Any) -> RoleMigrationSpec:
    """The sample spec, or another one, with changes laid over it."""
    return RoleMigrationSpec.model_validate(merged(SPEC if base is None else base, changes))


async def session_on(uri: str, *, name: str = NAME, schema: str = "public") -> Session:
    """A session as the operator opens it; the caller closes it."""
    purpose = Purpose(NAMESPACE, name, str(uuid.uuid4()), schema)
    return await open_session(ConnectionParameters(uri=uri), purpose)


class PhaseRun:
    """A claimed run in phase Checking, and its two sessions."""

    def __init__(self, spec: RoleMigrationSpec, run: RunRecord, control: Session, work: Session) -> None:
        self.spec = spec
        self.run = run
        self.control = control
        self.work = work
        self.settlement: Settlement | None = None
        self.progress: list[tuple[int, int]] = []
        self.store: StoreAddress | None = None
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    @classmethod
    async def begin(cls, spec: RoleMigrationSpec, control: Session, work: Session, name: str) -> Self:
        """Insert and claim a run, as the worker does."""
        await ledger_schema.ensure(control)
        identity = RunIdentity("cluster", NAMESPACE, name, spec_hash_of(spec))
        server = await server_facts(control)
        new = ledger.NewRun(
            str(uuid.uuid4()), identity, "manifest", 1, "uid", server.database_identity, mode=spec.mode
        )
        await ledger.insert(control, new)
        run = await ledger.find(control, identity)
        assert run is not None
        backends = [control.backend, work.backend]
        return cls(spec, await fence.claim(control, run, "test", backends), control, work)

    # Phases

    async def check(self) -> Outcome:
        """Checking."""
        return await self.step(checking.run)

    async def back_up(self) -> Outcome:
        """BackingUp."""
        return await self.step(backing_up.run)

    async def migrate(self) -> Outcome:
        """Migrating."""
        return await self.step(migrating.run)

    async def validate(self) -> Outcome:
        """Validating."""
        return await self.step(validating.run)

    async def dry_run(self) -> Outcome:
        """What mode DryRun does once the gate is open."""
        await self.open_gate()
        return await self.step(dry_run.run)

    async def rehearse(self) -> Outcome:
        """What mode Rehearse does once the gate is open."""
        await self.open_gate()
        return await self.rehearse_now()

    async def rehearse_now(self) -> Outcome:
        """The same, after a gate that was open before."""
        return await self.step(rehearsing.run)

    async def open_gate(self) -> None:
        """A look that has to find the gate open; the run stays in Checking."""
        outcome = await checking.run(self.context)
        assert isinstance(outcome, Advance), outcome
        await self.reload()

    async def cancel(self) -> Outcome:
        """A rollback that was asked for before the write."""
        return await self.step(cancelling.run)

    async def roll_back(self) -> Outcome:
        """RollingBack; before it has begun it is asked for."""
        if self.run.phase in (Phase.VALIDATING, Phase.DONE):
            asked = Undo(Reason.ROLLED_BACK_ON_REQUEST, "a person asked", Extent.COMMITTED)
            await self.settle(asked)
        return await self.step(rolling_back.run)

    async def latch_rollback(self, requested_by: str, reason: str) -> None:
        """Remember who asked for the old state, as the driver does when it first sees it."""
        await ledger.latch_rollback(self.control, self.run, requested_by, reason)
        await self.reload()

    async def latch_approval(self, approved_by: str, reason: str) -> None:
        """Remember who approved the plan, as the driver does when it first sees it."""
        await ledger.latch_approval(
            self.control, self.run, self.context.plan.hash, approved_by=approved_by, reason=reason
        )
        await self.reload()

    async def until(self, phase: Phase) -> None:
        """Lead the run to a phase; every step on the way has to advance."""
        steps: dict[Phase, Callable[[], Awaitable[Outcome]]] = {
            Phase.CHECKING: self.check,
            Phase.BACKING_UP: self.back_up,
            Phase.MIGRATING: self.migrate,
            Phase.VALIDATING: self.validate,
        }
        while self.run.phase is not phase:
            outcome = await steps[self.run.phase]()
            assert isinstance(outcome, Advance), outcome

    async def step(self, phase: PhaseFunction) -> Outcome:
        """Run a phase and settle what it answers; its errors become outcomes as in the driver."""
        try:
            outcome = await phase(self.context)
        except FencedError:
            raise
        except RoleshiftError as error:
            outcome = outcome_of_error(self.run.phase, error)
        await self.settle(outcome)
        return outcome

    async def settle(self, outcome: Outcome) -> None:
        """Write the outcome into the ledger and read the run again."""
        await self.reload()
        settled = settle(self.run.phase, outcome, attempts=self.run.attempts, looks=0, policy=_POLICY)
        self.settlement = closing.with_end_reason(self.run, settled)
        if not self.settlement.waiting or closing.is_kept(self.run, self.settlement):
            async with self.control.transaction(Timeouts()):
                await closing.persist(self.control, self.run, outcome, self.settlement)
            await self.reload()

    async def reload(self) -> None:
        """Read the run from the ledger."""
        found = await ledger.find(self.control, self.run.identity)
        assert found is not None
        self.run = found

    @property
    def context(self) -> Context:
        """What a phase gets at this moment."""
        return Context(
            spec=self.spec,
            run=self.run,
            control=self.control,
            work=self.work,
            rows_done=lambda done, total: self.progress.append((done, total)),
            surroundings=self._nothing_but_the_time,
            store=self._where_archives_lie if self.store else None,
        )

    async def _where_archives_lie(self) -> StoreAddress:
        assert self.store is not None
        return self.store

    async def _nothing_but_the_time(self) -> Surroundings:
        return Surroundings(self.clock(), archive=ArchiveTried(self.store.url) if self.store else None)

    # What came of it

    def judgement(self, name: CheckName) -> Judgement:
        """What a check found."""
        return next(finding.judgement for finding in self.run.findings if finding.name is name)

    def verification(self, name: str) -> VerificationResult:
        """What a verification found."""
        return next(result for result in self.run.verification if result.name == name)

    @property
    def failed_verifications(self) -> set[str]:
        """Names of the verifications that failed."""
        return {result.name for result in self.run.verification if result.verdict == "Failed"}

    @property
    def image_name(self) -> str:
        """The table of the before-image in schema roleshift."""
        assert self.run.image is not None
        return self.run.image.name


@asynccontextmanager
async def phases_on(
    database: Database, spec: RoleMigrationSpec | None = None, *, uri: str = "", name: str = NAME
) -> AsyncIterator[PhaseRun]:
    """A run on a database, in phase Checking.

    Args:
        uri: connect with this one; else as the database's owner.
    """
    wanted = spec or spec_of()
    async with AsyncExitStack() as opened:
        control, work = [
            await session_on(uri or database.uri, name=name, schema=wanted.target.schema_name)
            for _ in range(2)
        ]
        opened.push_async_callback(control.close)
        opened.push_async_callback(work.close)
        yield await PhaseRun.begin(wanted, control, work, name)


async def there_and_back(database: Database, spec: RoleMigrationSpec, see: Callable[[], None]) -> None:
    """Lead a run to Done, look, roll it back; the table has to hold the very rows of the start.

    Args:
        see: looks at the migrated table.
    """
    target = spec.target

    def row_set_hash() -> str:
        return database.row_set_hash(target.table, schema=target.schema_name)

    before = row_set_hash()
    async with phases_on(database, spec) as run:
        await run.until(Phase.DONE)
        assert run.run.write is not None
        assert row_set_hash() != before
        see()
        assert isinstance(await run.roll_back(), Advance)
        assert run.run.rollback is not None
        assert run.run.rollback.rows_restored == run.run.write.rows
        assert run.run.rollback.remaining == 0
    assert row_set_hash() == before
