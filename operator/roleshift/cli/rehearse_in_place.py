"""A rehearsal on the database itself, in a transaction that is rolled back; what is held is waited for."""

import asyncio
import sys
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from roleshift.api import Phase
from roleshift.cli.exit_codes import CommandError, ExitCode
from roleshift.cli.look import Look
from roleshift.cli.looking import look_at
from roleshift.cli.offline_run import nobody_watches, nothing_but_the_time
from roleshift.cli.rehearsed import Rehearsed, Way
from roleshift.engine.connection import ConnectionParameters
from roleshift.engine.identity import RunIdentity, spec_hash_of
from roleshift.engine.outcome import Replan
from roleshift.engine.rehearsal import Rehearsal, locks_readers
from roleshift.engine.run import LogEntry, RunRecord
from roleshift.engine.waiting import pause_while_waiting
from roleshift.errors import DatabaseError, Reason
from roleshift.phases.context import Context
from roleshift.phases.rehearsing import rehearse
from roleshift.postgres import fence
from roleshift.postgres.connect import Purpose, session
from roleshift.postgres.rehearsal import ledger_for_now

_WAITED_FOR = frozenset({Reason.LOCK_TIMEOUT, Reason.ANOTHER_RUN_ACTIVE, Reason.SERIALIZATION_FAILURE})
_LONGEST_PAUSE = 10.0
Told = Callable[[LogEntry], None]


async def rehearse_in_place(
    look: Look,
    parameters: ConnectionParameters,
    patience: float,
    told: Told,
) -> Rehearsed:
    """Rehearse; again while a lock is not to be had, or the table changes, for at most `patience` seconds.

    Raises:
        CommandError: that was too short.
        RoleshiftError: the database can't be reached, or the ledger in it is an older one.
    """
    end = time.monotonic() + patience
    for looks in range(sys.maxsize):
        if looks:
            look = await look_at(look.migration, parameters)
        if not look.is_open:
            return Rehearsed(look)
        found, why = await _tried(look, parameters, told)
        if found is not None:
            return Rehearsed(look, Way.TRANSACTION, found)
        pause = pause_while_waiting(looks, _LONGEST_PAUSE)
        if time.monotonic() + pause > end:
            raise CommandError(f"timed out after {patience:.0f} s; {why}", ExitCode.TIMED_OUT)
        print(f"waits {pause:.0f} s: {why}", file=sys.stderr, flush=True)
        await asyncio.sleep(pause)
    raise AssertionError("there is always another look")


async def _tried(look: Look, parameters: ConnectionParameters, told: Told) -> tuple[Rehearsal | None, str]:
    """What came of it, or None and why it has to be tried again."""
    try:
        found = await _rehearsed(look, parameters, told)
    except DatabaseError as error:
        if error.reason not in _WAITED_FOR:
            raise
        return None, error.message
    if isinstance(found.end, Replan):
        return None, found.end.message
    return found, ""


async def _rehearsed(look: Look, parameters: ConnectionParameters, told: Told) -> Rehearsal:
    meta, spec, plan = look.migration.metadata, look.migration.spec, look.found.plan
    assert plan is not None
    run = _imagined(look)
    if locks_readers(plan):
        print(f"while it lasts, readers of {look.table} wait: columns are added", file=sys.stderr, flush=True)
    purpose = Purpose(meta.namespace, meta.name, run.run_id, spec.target.schema_name)
    async with session(parameters, purpose) as work:
        await fence.lock_target(work, plan.shape.oid)
        context = Context(
            spec=spec,
            run=run,
            control=work,
            work=work,
            rows_done=nobody_watches,
            surroundings=nothing_but_the_time,
        )
        return await rehearse(context, ledger_for_now, told)


def _imagined(look: Look) -> RunRecord:
    """The run that an operator would have at this moment: past its gate, with this plan."""
    meta, now = look.migration.metadata, datetime.now(UTC)
    spec_hash = spec_hash_of(look.migration.spec)
    return RunRecord(
        run_id=str(uuid.uuid4()),
        identity=RunIdentity("", meta.namespace, meta.name, spec_hash),
        manifest_hash="",
        attempt=1,
        phase=Phase.CHECKING,
        reason=Reason.CHECKING,
        message="",
        epoch=0,
        active=False,
        created_at=now,
        phase_started_at=now,
        plan=look.found.plan,
        findings=look.found.findings,
    )
