"""One run that really writes and commits, by the phases that the operator's go through; without a cluster."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from roleshift.api import RoleMigrationSpec
from roleshift.archive.store import StoreAddress
from roleshift.cli.exit_codes import CommandError
from roleshift.controller import closing
from roleshift.engine.facts.surroundings import Surroundings
from roleshift.engine.identity import RunIdentity
from roleshift.engine.outcome import Advance, Extent, Outcome, Retry, Undo
from roleshift.engine.run import RunRecord
from roleshift.engine.settlement import RetryPolicy, settle
from roleshift.errors import FencedError, Reason
from roleshift.phases.context import Context
from roleshift.postgres import fence, ledger, ledger_schema
from roleshift.postgres.probes.server import server_facts
from roleshift.postgres.session import Session

PhaseFunction = Callable[[Context], Awaitable[Outcome]]
_NO_RETRIES = RetryPolicy(limit=0, backoff_seconds=1, max_backoff_seconds=1)


@dataclass(slots=True)
class OfflineRun:
    """A claimed run and its two sessions."""

    spec: RoleMigrationSpec
    run: RunRecord
    control: Session
    work: Session
    store: Callable[[], Awaitable[StoreAddress]] | None = None

    @classmethod
    async def begin(
        cls, spec: RoleMigrationSpec, identity: RunIdentity, run_id: str, control: Session, work: Session
    ) -> Self:
        """Create the ledger where there is none; insert and claim the run."""
        await ledger_schema.ensure(control)
        server = await server_facts(control)
        holder = identity.cluster_uid.partition("/")[0]
        new = ledger.NewRun(run_id, identity, holder, 1, "", server.database_identity)
        await ledger.insert(control, new)
        return await cls.take(spec, identity, control, work)

    @classmethod
    async def take(
        cls, spec: RoleMigrationSpec, identity: RunIdentity, control: Session, work: Session
    ) -> Self:
        """Claim a run that the ledger knows."""
        known = await ledger.find(control, identity)
        if known is None:
            raise FencedError
        holder = identity.cluster_uid.partition("/")[0]
        claimed = await fence.claim(control, known, holder, [control.backend, work.backend])
        return cls(spec, claimed, control, work)

    async def perform(self, phase: PhaseFunction) -> str:
        """Go through a phase that has to advance.

        Raises:
            CommandError: the phase did not advance.
            RoleshiftError: it failed.
        """
        outcome = await self.answer(phase)
        if isinstance(outcome, Advance):
            return outcome.message
        raise CommandError(outcome.error.message if isinstance(outcome, Retry) else outcome.message)

    async def answer(self, phase: PhaseFunction) -> Outcome:
        """Go through a phase and write down what came of it.

        Raises:
            RoleshiftError: it failed.
        """
        outcome = await phase(self._context())
        await self._settle(outcome)
        return outcome

    async def ask_for_rollback(self, why: str) -> None:
        """As a person does who wants the old roles back."""
        await self._settle(Undo(Reason.ROLLED_BACK_ON_REQUEST, why, Extent.COMMITTED))

    async def _settle(self, outcome: Outcome) -> None:
        await self._reload()
        settled = settle(self.run.phase, outcome, attempts=0, looks=0, policy=_NO_RETRIES)
        if not settled.waiting:
            async with self.control.transaction(closing.TIMEOUTS):
                await closing.persist(
                    self.control, self.run, outcome, closing.with_end_reason(self.run, settled)
                )
            await self._reload()

    async def _reload(self) -> None:
        found = await ledger.find(self.control, self.run.identity)
        if found is None:
            raise FencedError
        self.run = found

    def _context(self) -> Context:
        return Context(
            spec=self.spec,
            run=self.run,
            control=self.control,
            work=self.work,
            rows_done=nobody_watches,
            surroundings=nothing_but_the_time,
            store=self.store,
        )


def nobody_watches(_done: int, _total: int) -> None:
    """Progress is nobody's concern here."""


async def nothing_but_the_time() -> Surroundings:
    """Without a cluster nothing is known outside the database."""
    return Surroundings(datetime.now(UTC))
