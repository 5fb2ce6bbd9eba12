"""One migration, from the object to its end: reads the object, opens the database, drives the run.

It gets everything through its ports and knows nothing of kopf or of the
process that it runs in. What becomes of a look that met an error is
`postponing`'s, objects for which nothing is to be done are `resting`'s.
"""

import time
from functools import partial

from roleshift.api import Phase, RoleMigration, RoleMigrationStatus
from roleshift.controller.aftermath import clear_overdue
from roleshift.controller.beginning import begun, cleared, known_run
from roleshift.controller.credentials import Remembered, connection_parameters
from roleshift.controller.desk import Desk
from roleshift.controller.driver import Driver
from roleshift.controller.interruptible import ObjectChangedError
from roleshift.controller.performing import Sessions
from roleshift.controller.ports import Inbox, Ports
from roleshift.controller.postponing import postponed, show_bug
from roleshift.controller.resting import not_forgotten, rest, stall, stand_back
from roleshift.controller.views import SUSPENDED, waiting_view
from roleshift.engine.attempts import Continuation, continuation, has_begun, is_at_rest, is_known
from roleshift.engine.conditions import Activity, View
from roleshift.engine.connection import ConnectionParameters
from roleshift.engine.identity import RunIdentity
from roleshift.engine.outcome import Fail, Wait
from roleshift.engine.requests import Requests
from roleshift.engine.run import RunRecord
from roleshift.engine.steps import RollbackRequest, Suspension
from roleshift.engine.support import unsupported_fields
from roleshift.engine.waiting import WITHOUT_END
from roleshift.errors import DatabaseError, FencedError, Reason, RoleshiftError
from roleshift.phases import checking
from roleshift.phases.examination import examine
from roleshift.postgres import fence, ledger, ledger_schema
from roleshift.postgres.connect import Purpose, session
from roleshift.postgres.neighbours import Forgotten
from roleshift.postgres.session import Session

LOOK_AGAIN_SECONDS = 0.2
FENCED_SECONDS = 5.0
_STALLED = frozenset({Continuation.LEDGER_LOST, Continuation.FOREIGN_RUN})


class MigrationWorker:
    """Works on one object until nothing is left to do; started again when the object changes."""

    def __init__(self, ports: Ports, inbox: Inbox) -> None:
        self._ports = ports
        self._inbox = inbox
        self._desk = Desk(ports, inbox)
        self._credentials = Remembered(partial(connection_parameters, ports.secrets))
        self._run: RunRecord | None = None

    async def run(self) -> float | None:
        """Look after the object until it is gone or at rest.

        Returns:
            Seconds after which one at rest is worth another look although nobody changes it; None for never.
        """
        while not self._inbox.deleted:
            async with self._inbox.slots:
                pause = await self._turn()
            if pause is None and not self._inbox.unread:
                return self._desk.alarm
            await self._inbox.wait_change(pause)
        return None

    async def _turn(self) -> float | None:
        """One look: seconds until the next one, None to rest until the object changes."""
        started = time.monotonic()
        outcome = "Rested"
        self._desk.alarm = None
        try:
            pause = await self._look_after(*self._desk.look())
            self._desk.absence.end()
            outcome = "Rested" if pause is None else "Waiting"
            self._desk.wishes.settle()
        except ObjectChangedError:
            pause, outcome = LOOK_AGAIN_SECONDS, "Changed"
        except FencedError as error:
            self._desk.reporter.error(error, self._run.run_id if self._run else "")
            pause, outcome = FENCED_SECONDS, "Fenced"
        except RoleshiftError as error:
            pause, outcome = await postponed(self._desk, self._run, error), "Postponed"
        except Exception as error:
            show_bug(self._desk, self._run, error)
            raise
        self._ports.metrics.reconciled(outcome, time.monotonic() - started)
        return pause

    async def _look_after(self, migration: RoleMigration, requests: Requests) -> float | None:
        if not has_begun(migration.status) and self._is_refused(migration, requests):
            return None
        parameters = await self._credentials.read(migration)
        async with session(parameters, self._purpose(migration)) as control:
            return await self._with_ledger(control, parameters, migration, requests)

    def _is_refused(self, migration: RoleMigration, requests: Requests) -> bool:
        """Whether the manifest alone says that nothing is to be done; then no database is asked."""
        if requests.deleting:
            return False
        refused = unsupported_fields(migration.spec)
        if refused:
            self._desk.fail(Reason.NOT_SUPPORTED, "; ".join(str(field) for field in refused))
        elif is_known(migration.status) or requests.rollback is RollbackRequest.REQUESTED:
            return False
        elif requests.suspension is Suspension.SUSPENDED:
            self._desk.reporter.show(waiting_view(None, Reason.SUSPENDED, SUSPENDED))
        else:
            return False
        return True

    def _purpose(self, migration: RoleMigration) -> Purpose:
        meta = migration.metadata
        run_id = self._run.run_id if self._run else ""
        return Purpose(meta.namespace, meta.name, run_id, migration.spec.target.schema_name)

    async def _with_ledger(
        self, control: Session, parameters: ConnectionParameters, migration: RoleMigration, requests: Requests
    ) -> float | None:
        meta = migration.metadata
        identity = RunIdentity(self._ports.cluster_uid, meta.namespace, meta.name, requests.spec_hash)
        try:
            run = await known_run(control, identity)
        except DatabaseError as error:
            if error.reason is not Reason.PERMISSION_DENIED or has_begun(migration.status):
                raise
            async with session(parameters, self._purpose(migration)) as work:
                return await self._without_ledger(Sessions(control, work), migration, error)
        self._run = None if run is None or run.copied else run
        what = continuation(run, requests, migration.status)
        if what is Continuation.LEDGER_LOST and await _is_of_another_run(control, migration.status):
            what = Continuation.BEGIN
        if what in _STALLED:
            await stall(self._desk, what, run, requests)
            return None
        if is_at_rest(what, run, requests):
            await rest(self._desk, control, run, migration, requests)
            return None
        pause = await stand_back(self._desk, control, run, migration, requests)
        if pause is not None:
            return pause
        await self._desk.hold.take()
        async with session(parameters, self._purpose(migration)) as work:
            return await self._worked_on(Sessions(control, work), identity, run, what, migration, requests)

    async def _worked_on(
        self,
        sessions: Sessions,
        identity: RunIdentity,
        known: RunRecord | None,
        what: Continuation,
        migration: RoleMigration,
        requests: Requests,
    ) -> float | None:
        try:
            await ledger_schema.ensure(sessions.control)
        except DatabaseError as error:
            if error.reason is not Reason.PERMISSION_DENIED:
                raise
            return await self._without_ledger(sessions, migration, error)
        try:
            beginning = await begun(sessions.control, identity, known, what, migration, requests)
        except DatabaseError as error:
            if what is Continuation.FORGET:
                not_forgotten(self._desk, error)
            raise
        self._tell_of(beginning.forgotten, requests)
        return await self._driven(sessions, beginning.run, what, migration, requests)

    def _tell_of(self, forgotten: Forgotten | None, requests: Requests) -> None:
        if forgotten is not None:
            self._desk.reporter.forgot(forgotten, requests.requested_by)

    async def _without_ledger(
        self, sessions: Sessions, migration: RoleMigration, error: DatabaseError
    ) -> float | None:
        """The role may not make or read a ledger: the checks say which rights it lacks."""
        found = await examine(
            migration.spec,
            sessions.work,
            sessions.control,
            await self._desk.surroundings(migration),
        )
        outcome = checking.outcome_of(found)
        reason, message = error.reason, error.message
        if isinstance(outcome, Fail | Wait):
            reason, message = outcome.reason, outcome.message
        view = View(Phase.FAILED, Activity.ENDED, reason, message, findings=found.findings)
        self._desk.reporter.show(view)
        await self._desk.hold.release()
        return None

    async def _driven(
        self,
        sessions: Sessions,
        run: RunRecord,
        what: Continuation,
        migration: RoleMigration,
        requests: Requests,
    ) -> float | None:
        desk = self._desk
        backends = [sessions.control.backend, sessions.work.backend]
        run = await fence.claim(sessions.control, run, self._ports.holder, backends)
        self._run = run
        self._tell_of(await cleared(sessions.control, run, requests), requests)
        desk.reporter.take_up(run)
        driver = Driver(sessions, desk)
        try:
            if what is Continuation.RESTORE_AGAIN:
                run = await driver.restore_again(run, requests.retry_token)
            settlement = await driver.drive(run)
        finally:
            self._run = run = driver.run or run
        if settlement is not None and settlement.waiting and settlement.reason not in WITHOUT_END:
            desk.patience.look_again()
            return settlement.pause
        desk.patience.end()
        if is_at_rest(Continuation.GO_ON, run, requests):
            await rest(desk, sessions.control, run, migration, requests)
            await clear_overdue(desk, sessions.control)
        return settlement.pause if settlement else None


async def _is_of_another_run(control: Session, status: RoleMigrationStatus | None) -> bool:
    """Whether the status speaks of a run with another spec, which the ledger has not lost."""
    if not is_known(status) or await ledger_schema.installed_version(control) is None:
        return False
    return await ledger.knows(control, str(status.run_id))
