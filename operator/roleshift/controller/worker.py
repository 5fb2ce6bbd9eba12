"""One migration, from the object to its end: reads the object, opens the database, drives the run.

It gets everything through its ports and knows nothing of kopf or of the
process that it runs in.
"""

import time
from functools import partial

from roleshift.api import Phase, RoleMigration, RoleMigrationStatus, parse_migration
from roleshift.api.fields import immutable_part
from roleshift.cluster.events import EventType
from roleshift.controller.beginning import begun
from roleshift.controller.credentials import connection_parameters
from roleshift.controller.driver import Driver, Sessions
from roleshift.controller.guarding import FinalizerHold
from roleshift.controller.interruptible import ObjectChangedError
from roleshift.controller.patience import Patience
from roleshift.controller.ports import Inbox, Ports
from roleshift.controller.reporter import Reporter
from roleshift.controller.surroundings import surroundings_of
from roleshift.controller.unread_object import readable_part
from roleshift.controller.views import SUSPENDED, ended_view, waiting_view
from roleshift.engine.attempts import Continuation, continuation, has_begun, is_known
from roleshift.engine.conditions import Activity, View
from roleshift.engine.connection import ConnectionParameters
from roleshift.engine.identity import RunIdentity
from roleshift.engine.outcome import Fail, Wait
from roleshift.engine.requests import Requests, requests_of
from roleshift.engine.run import RunRecord
from roleshift.engine.settlement import given_up
from roleshift.engine.steps import RollbackRequest, Suspension
from roleshift.engine.support import unsupported_fields
from roleshift.engine.transitions import BEFORE_FIRST_WRITE, TERMINAL
from roleshift.engine.waiting import WITHOUT_END
from roleshift.errors import ClusterError, DatabaseError, FencedError, Reason, RoleshiftError, SpecError
from roleshift.phases import checking
from roleshift.phases.examination import examine
from roleshift.postgres import fence, ledger, ledger_schema
from roleshift.postgres.connect import Purpose, session
from roleshift.postgres.session import Session

LOOK_AGAIN_SECONDS = 0.2
FENCED_SECONDS = 5.0
GONE_DATABASE_SECONDS = 600.0
_LEDGER_LOST = (
    "the status says that a run had begun, but the database has no ledger row for it (was it restored?): "
    "nothing is written; look at the table, then set the annotation "
    "roleshift.dev/retryRequestedAt to begin anew"
)


class MigrationWorker:
    """Works on one object until nothing is left to do; started again when the object changes."""

    def __init__(self, ports: Ports, inbox: Inbox) -> None:
        self._ports = ports
        self._inbox = inbox
        self._run: RunRecord | None = None
        self._parameters: ConnectionParameters | None = None
        self._patience = Patience()
        meta, status = readable_part(inbox.latest)
        self._reporter = Reporter(ports, meta, status)
        self._hold = FinalizerHold(ports.guard)
        self._surroundings = partial(surroundings_of, ports)

    async def run(self) -> None:
        """Look after the object until it is gone or at rest."""
        while not self._inbox.deleted:
            async with self._inbox.slots:
                pause = await self._turn()
            if pause is None and not self._inbox.unread:
                return
            await self._inbox.wait_change(pause)

    async def _turn(self) -> float | None:
        """One look: seconds until the next one, None to rest until the object changes."""
        started = time.monotonic()
        outcome = "Rested"
        try:
            pause = await self._look_after(*self._look())
            outcome = "Rested" if pause is None else "Waiting"
        except ObjectChangedError:
            pause, outcome = LOOK_AGAIN_SECONDS, "Changed"
        except FencedError as error:
            self._reporter.error(error, self._run.run_id if self._run else "")
            pause, outcome = FENCED_SECONDS, "Fenced"
        except RoleshiftError as error:
            pause, outcome = await self._postponed(error), "Postponed"
        except Exception as error:
            self._show_bug(error)
            raise
        self._ports.metrics.reconciled(outcome, time.monotonic() - started)
        return pause

    def _look(self) -> tuple[RoleMigration, Requests]:
        """The newest state of the object.

        Raises:
            SpecError: it can't be read.
        """
        migration = parse_migration(self._inbox.latest)
        self._reporter.look(migration)
        self._hold.look(migration.metadata)
        return migration, requests_of(migration)

    async def _look_after(self, migration: RoleMigration, requests: Requests) -> float | None:
        if not has_begun(migration.status) and self._is_refused(migration, requests):
            return None
        parameters = await self._credentials(migration, requests)
        async with session(parameters, self._purpose(migration)) as control:
            return await self._with_ledger(control, parameters, migration, requests)

    async def _credentials(self, migration: RoleMigration, requests: Requests) -> ConnectionParameters:
        """The Secret's, or those in memory when the Secret goes away together with the object."""
        try:
            self._parameters = await connection_parameters(
                self._ports.secrets, migration.metadata.namespace, migration.spec.connection
            )
        except ClusterError:
            if not requests.deleting or self._parameters is None:
                raise
        return self._parameters

    def _is_refused(self, migration: RoleMigration, requests: Requests) -> bool:
        """Whether the manifest alone says that nothing is to be done; then no database is asked."""
        if requests.deleting:
            return False
        refused = unsupported_fields(migration.spec)
        if refused:
            self._fail(Reason.NOT_SUPPORTED, "; ".join(str(field) for field in refused))
        elif is_known(migration.status) or requests.rollback is RollbackRequest.REQUESTED:
            return False
        elif requests.suspension is Suspension.SUSPENDED:
            self._reporter.show(waiting_view(None, Reason.SUSPENDED, SUSPENDED))
        else:
            return False
        return True

    def _fail(self, reason: Reason, message: str) -> None:
        self._reporter.show(View(Phase.FAILED, Activity.ENDED, reason, message))

    def _purpose(self, migration: RoleMigration) -> Purpose:
        meta = migration.metadata
        run_id = self._run.run_id if self._run else ""
        return Purpose(meta.namespace, meta.name, run_id, migration.spec.target.schema_name)

    async def _with_ledger(
        self, control: Session, parameters: ConnectionParameters, migration: RoleMigration, requests: Requests
    ) -> float | None:
        identity = RunIdentity(
            self._ports.cluster_uid, migration.metadata.namespace, migration.metadata.name, requests.spec_hash
        )
        try:
            known = await ledger_schema.installed_version(control) is not None
            self._run = run = await ledger.find(control, identity) if known else None
        except DatabaseError as error:
            if error.reason is not Reason.PERMISSION_DENIED or has_begun(migration.status):
                raise
            async with session(parameters, self._purpose(migration)) as work:
                return await self._without_ledger(control, work, migration, error)
        what = continuation(run, requests, migration.status)
        if what is Continuation.LEDGER_LOST and known and await _is_of_another_run(control, migration.status):
            what = Continuation.BEGIN
        if what is Continuation.LEDGER_LOST:
            self._reporter.show_lost(_LEDGER_LOST)
            return None
        if self._is_at_rest(what, run, requests):
            await self._rest(run, requests)
            return None
        await self._hold.take()
        async with session(parameters, self._purpose(migration)) as work:
            try:
                await ledger_schema.ensure(control)
            except DatabaseError as error:
                if error.reason is not Reason.PERMISSION_DENIED:
                    raise
                return await self._without_ledger(control, work, migration, error)
            mode, uid = migration.spec.mode, self._reporter.meta.uid
            run = await begun(control, identity, run, what, requests, mode, uid)
            return await self._driven(Sessions(control, work), run, what, requests)

    def _is_at_rest(self, what: Continuation, run: RunRecord | None, requests: Requests) -> bool:
        if run is None:
            return requests.deleting
        if what is not Continuation.GO_ON:
            return requests.deleting
        wants_back = requests.rollback is RollbackRequest.REQUESTED or run.rollback_requested_at is not None
        return run.phase in TERMINAL and not (run.phase is Phase.DONE and wants_back)

    async def _rest(self, run: RunRecord | None, requests: Requests) -> None:
        if run is not None:
            self._reporter.show(ended_view(run))
        if run is None or not run.active:
            await self._hold.release()
        elif requests.deleting:
            await self._let_go(run.reason, run.message)

    async def _without_ledger(
        self, control: Session, work: Session, migration: RoleMigration, error: DatabaseError
    ) -> float | None:
        """The role may not make or read a ledger: the checks say which rights it lacks."""
        found = await examine(
            migration.spec, immutable_part(migration.spec), work, control, await self._surroundings(migration)
        )
        outcome = checking.outcome_of(found)
        reason, message = error.reason, error.message
        if isinstance(outcome, Fail | Wait):
            reason, message = outcome.reason, outcome.message
        self._reporter.show(View(Phase.FAILED, Activity.ENDED, reason, message, findings=found.findings))
        await self._hold.release()
        return None

    async def _driven(
        self, sessions: Sessions, run: RunRecord, what: Continuation, requests: Requests
    ) -> float | None:
        backends = [sessions.control.backend, sessions.work.backend]
        run = await fence.claim(sessions.control, run, self._ports.holder, backends)
        self._run = run
        self._reporter.take_up(run)
        driver = Driver(
            sessions,
            self._reporter,
            self._inbox,
            self._look,
            self._surroundings,
            looks=self._patience.looks,
            waited_seconds=self._patience.seconds,
        )
        try:
            if what is Continuation.RESTORE_AGAIN:
                run = await driver.restore_again(run, requests.retry_token)
            settlement = await driver.drive(run)
        finally:
            self._run = run = driver.run or run
        if settlement is not None and settlement.waiting and settlement.reason not in WITHOUT_END:
            self._patience.look_again()
            return settlement.pause
        self._patience.end()
        if run.phase in TERMINAL and not run.active:
            await self._hold.release()
        return settlement.pause if settlement else None

    async def _postponed(self, error: RoleshiftError) -> float | None:
        """Something that the run needs is not there: say so, and look again with growing pauses."""
        if isinstance(error, SpecError):
            self._show_unreadable(error)
            return None
        self._reporter.error(error, self._run.run_id if self._run else "")
        migration, requests = self._look()
        if requests.deleting and await self._is_let_go(migration, error):
            return None
        phase = self._run.phase if self._run else Phase.PENDING
        if not error.retryable and phase in BEFORE_FIRST_WRITE and not has_begun(migration.status):
            self._fail(error.reason, error.message)
            return None
        outcome = given_up(phase, Wait(error.reason, error.message), self._patience.seconds)
        if isinstance(outcome, Fail) and not has_begun(migration.status):
            self._fail(outcome.reason, outcome.message)
            return None
        self._show_postponed(migration, error)
        self._patience.look_again()
        return self._patience.pause(migration.spec.retry.max_backoff_seconds)

    def _show_postponed(self, migration: RoleMigration, error: RoleshiftError) -> None:
        """What the status says of a run that can't be asked for stands; of one that has ended, all of it."""
        status = migration.status
        if self._run is not None or status is None or not is_known(status):
            self._reporter.show(waiting_view(self._run, error.reason, error.message))
        elif status.phase not in TERMINAL or status.observed_generation != migration.metadata.generation:
            self._reporter.show_unreachable(error.reason, error.message)

    def _show_bug(self, error: Exception) -> None:
        """A bug must not leave the object without a word; who started this worker logs it and tries again."""
        message = f"{type(error).__name__}; the operator's log has the rest, and the run is tried again"
        if self._run is None and is_known(self._status()):
            self._reporter.show_unreachable(Reason.INTERNAL_ERROR, message)
        else:
            self._reporter.show(waiting_view(self._run, Reason.INTERNAL_ERROR, message))

    def _status(self) -> RoleMigrationStatus | None:
        return readable_part(self._inbox.latest)[1]

    def _show_unreadable(self, error: SpecError) -> None:
        if has_begun(self._status()):
            self._reporter.show_unreachable(error.reason, error.message)
        else:
            self._fail(error.reason, error.message)

    async def _is_let_go(self, migration: RoleMigration, error: RoleshiftError) -> bool:
        """An object that is being deleted does not wait for ever for a database that is gone."""
        deleted_at = migration.metadata.deletion_timestamp
        if deleted_at is None or (self._ports.now() - deleted_at).total_seconds() < GONE_DATABASE_SECONDS:
            return False
        await self._let_go(error.reason, error.message)
        return True

    async def _let_go(self, reason: Reason, why: str) -> None:
        """Give the object up although its run occupies the table; the ledger row stays as it is."""
        _, status = readable_part(self._inbox.latest)
        row = self._run.run_id if self._run else status.run_id if status else None
        message = (
            f"the object goes although its run (ledger row {row or 'unknown'}) could not be ended: {why}; "
            "apply the same manifest again to finish it"
        )
        self._ports.emit(self._reporter.ref, EventType.WARNING, reason, message)
        await self._hold.release()


async def _is_of_another_run(control: Session, status: RoleMigrationStatus | None) -> bool:
    """Whether the status speaks of a run with another spec, which the ledger has not lost."""
    return is_known(status) and await ledger.knows(control, str(status.run_id))
