"""One run on a scratch table, by the phases that real runs go through; without a cluster."""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from roleshift.api import RoleMigrationSpec
from roleshift.api.fields import immutable_part
from roleshift.cli.exit_codes import CommandError
from roleshift.controller import closing
from roleshift.engine.facts.surroundings import Surroundings
from roleshift.engine.hashing import canonical_hash
from roleshift.engine.identity import RunIdentity
from roleshift.engine.outcome import Advance, Extent, Outcome, Retry, Undo
from roleshift.engine.run import RunRecord
from roleshift.engine.settlement import RetryPolicy, settle
from roleshift.errors import FencedError, Reason
from roleshift.phases.context import Context
from roleshift.postgres import fence, ledger, ledger_schema
from roleshift.postgres.probes.server import server_facts
from roleshift.postgres.scratch import TABLE, Scratch
from roleshift.postgres.session import Session

PhaseFunction = Callable[[Context], Awaitable[Outcome]]
_NO_RETRIES = RetryPolicy(limit=0, backoff_seconds=1, max_backoff_seconds=1)


def scratch_spec(schema: str) -> RoleMigrationSpec:
    """What becomes of the scratch table's roles; any score will do, only Critical checks stop it."""
    return RoleMigrationSpec.model_validate(
        {
            "connection": {"secretRef": {"name": "selftest"}},
            "target": {"schema": schema, "table": TABLE},
            "mappings": [
                {"from": "old_junior", "to": "new", "seniority": "junior"},
                {"from": "old_senior", "to": "new", "seniority": "senior"},
                {"from": "old_manager", "to": "lead"},
            ],
            "unmappedRoles": "Keep",
            "privileges": {"order": ["new", "old_junior", "old_senior", "lead", "old_manager"]},
            "checks": {"minimumScore": 0},
        }
    )


@dataclass(slots=True)
class ScratchRun:
    """A claimed run and its two sessions."""

    spec: RoleMigrationSpec
    run: RunRecord
    control: Session
    work: Session

    @classmethod
    async def begin(cls, scratch: Scratch, control: Session, work: Session) -> Self:
        """Create the ledger where there is none; insert and claim the run."""
        spec = scratch_spec(scratch.schema)
        await ledger_schema.ensure(control)
        identity = RunIdentity(
            f"selftest/{uuid.uuid4()}", "", "selftest", canonical_hash(immutable_part(spec))
        )
        server = await server_facts(control)
        new = ledger.NewRun(scratch.run_id, identity, "selftest", 1, "", server.database_identity)
        await ledger.insert(control, new)
        inserted = await ledger.find(control, identity)
        if inserted is None:
            raise FencedError
        claimed = await fence.claim(control, inserted, "selftest", [control.backend, work.backend])
        return cls(spec, claimed, control, work)

    async def perform(self, phase: PhaseFunction) -> str:
        """Go through a phase and write down what came of it.

        Raises:
            CommandError: the phase did not advance.
            RoleshiftError: it failed.
        """
        outcome = await phase(self._context())
        await self._settle(outcome)
        if isinstance(outcome, Advance):
            return outcome.message
        raise CommandError(outcome.error.message if isinstance(outcome, Retry) else outcome.message)

    async def ask_for_rollback(self) -> None:
        """As a person does who wants the old roles back."""
        await self._settle(Undo(Reason.ROLLED_BACK_ON_REQUEST, "the selftest asked", Extent.COMMITTED))

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
            immutable=immutable_part(self.spec),
            run=self.run,
            control=self.control,
            work=self.work,
            rows_done=_nobody_watches,
            surroundings=_nothing_but_the_time,
        )


def _nobody_watches(_done: int, _total: int) -> None:
    """Progress is nobody's concern here."""


async def _nothing_but_the_time() -> Surroundings:
    return Surroundings(datetime.now(UTC))
