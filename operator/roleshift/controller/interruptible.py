"""Work on a run that ends early when its object asks for something else meanwhile."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from roleshift.controller.ports import Inbox
from roleshift.engine.outcome import Outcome
from roleshift.engine.requests import Requests
from roleshift.engine.run import RunRecord
from roleshift.engine.steps import RollbackRequest, Step, Suspension

INTERRUPTIBLE = frozenset({Step.MIGRATE, Step.REHEARSE})
"""Steps that can be stopped at any moment, because nothing of them is committed."""


class ObjectChangedError(Exception):
    """The object asks for something else than the step that is under way: look at it again."""


async def unless_unwanted(
    work: Coroutine[Any, Any, Outcome], inbox: Inbox, is_unwanted: Callable[[], bool]
) -> Outcome:
    """What the work comes to; it is cancelled when a change of the object makes it unwanted.

    Raises:
        ObjectChangedError: it was cancelled.
    """
    task = asyncio.ensure_future(work)
    try:
        while await _changed_before_the_end_of(task, inbox):
            if is_unwanted():
                raise ObjectChangedError
        return await task
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


async def _changed_before_the_end_of(task: asyncio.Task[Outcome], inbox: Inbox) -> bool:
    change = asyncio.ensure_future(inbox.wait_change())
    try:
        await asyncio.wait({task, change}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        change.cancel()
    return not task.done()


def stops(step: Step, requests: Requests, run: RunRecord) -> bool:
    """Whether a step that is under way is wanted no longer.

    A write that has begun ends, whoever suspends it; a rehearsal holds a lock for nothing then.
    """
    if requests.deleting or requests.rollback is RollbackRequest.REQUESTED:
        return True
    if step is not Step.REHEARSE:
        return False
    rests = requests.suspension is Suspension.SUSPENDED
    return rests or requests.spec_hash != run.identity.spec_hash
