"""The ledger row that a run works on: the one that is there, or a new one for a new attempt."""

import uuid
from dataclasses import dataclass

from roleshift.api import RoleMigration
from roleshift.controller import closing
from roleshift.engine.attempts import Continuation, carried_hash, clears_the_way
from roleshift.engine.identity import RunIdentity
from roleshift.engine.requests import Requests
from roleshift.engine.run import RunRecord
from roleshift.errors import FencedError
from roleshift.postgres import ledger, ledger_schema, neighbours
from roleshift.postgres.neighbours import Forgotten
from roleshift.postgres.probes.server import server_facts
from roleshift.postgres.session import Session

_SAME_ROW = frozenset({Continuation.GO_ON, Continuation.RESTORE_AGAIN})


async def known_run(control: Session, identity: RunIdentity) -> RunRecord | None:
    """The latest attempt that the ledger has, None where there is none, or no ledger.

    An older ledger is brought up: it can't be read as it is.
    """
    version = await ledger_schema.installed_version(control)
    if version is None:
        return None
    if version < ledger_schema.VERSION:
        await ledger_schema.ensure(control)
    return await ledger.find(control, identity)


@dataclass(frozen=True, slots=True)
class Begun:
    """The run to go on with, and what was cleared out of its way; None where nobody asked for that."""

    run: RunRecord
    forgotten: Forgotten | None = None


async def begun(
    control: Session,
    identity: RunIdentity,
    known: RunRecord | None,
    what: Continuation,
    migration: RoleMigration,
    requests: Requests,
) -> Begun:
    """The run to go on with, inserted where it is a new one.

    Args:
        known: the latest attempt that the ledger has.

    Raises:
        FencedError: somebody removed the row at once.
    """
    if known is not None and what in _SAME_ROW:
        return Begun(known)
    server = await server_facts(control)
    new = ledger.NewRun(
        run_id=str(uuid.uuid4()),
        identity=identity,
        manifest_hash=requests.manifest_hash,
        attempt=known.attempt + 1 if known else 1,
        object_uid=migration.metadata.uid,
        database_identity=server.database_identity,
        retry_token=requests.retry_token,
        forget_token=requests.forget_token,
        resume_token=requests.resume_token,
        accept_token=requests.accept_token,
        carried_hash=carried_hash(known, requests, migration.status),
        mode=migration.spec.mode,
    )
    forgotten = None
    async with control.transaction(closing.TIMEOUTS):
        if what is Continuation.FORGET:
            forgotten = await neighbours.forget_copied(control, identity, None, requests.requested_by)
        await ledger.insert(control, new)
    return Begun(await _inserted(control, identity), forgotten)


async def cleared(control: Session, run: RunRecord, requests: Requests) -> Forgotten | None:
    """Forget what was copied here and stands in a claimed run's way; None where nobody asked for it anew.

    Raises:
        FencedError: another session took the run over.
    """
    if not clears_the_way(run, requests):
        return None
    async with control.transaction(closing.TIMEOUTS):
        await ledger.record(control, run, ledger.Documents(forget_token=requests.forget_token))
        return await neighbours.forget_copied(control, run.identity, run.target_oid, requests.requested_by)


async def _inserted(control: Session, identity: RunIdentity) -> RunRecord:
    inserted = await ledger.find(control, identity)
    if inserted is None:
        raise FencedError
    return inserted
