"""The ledger row that a run works on: the one that is there, or a new one for a new attempt."""

import uuid

from roleshift.api import Mode
from roleshift.engine.attempts import Continuation
from roleshift.engine.identity import RunIdentity
from roleshift.engine.requests import Requests
from roleshift.engine.run import RunRecord
from roleshift.errors import FencedError
from roleshift.postgres import ledger
from roleshift.postgres.probes.server import server_facts
from roleshift.postgres.session import Session

_SAME_ROW = frozenset({Continuation.GO_ON, Continuation.RESTORE_AGAIN})


async def begun(
    control: Session,
    identity: RunIdentity,
    known: RunRecord | None,
    what: Continuation,
    requests: Requests,
    mode: Mode,
    object_uid: str,
) -> RunRecord:
    """The run to go on with, inserted where it is a new one.

    Args:
        known: the latest attempt that the ledger has.
        mode: what a new run may do to the table.

    Raises:
        FencedError: somebody removed the row at once.
    """
    if known is not None and what in _SAME_ROW:
        return known
    server = await server_facts(control)
    await ledger.insert(
        control,
        ledger.NewRun(
            run_id=str(uuid.uuid4()),
            identity=identity,
            manifest_hash=requests.manifest_hash,
            attempt=known.attempt + 1 if known else 1,
            object_uid=object_uid,
            database_identity=server.database_identity,
            retry_token=requests.retry_token,
            mode=mode,
        ),
    )
    inserted = await ledger.find(control, identity)
    if inserted is None:
        raise FencedError
    return inserted
