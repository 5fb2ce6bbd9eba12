"""What a phase works with: the manifest, the run as the ledger has it, and two sessions."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from roleshift.api import RoleMigrationSpec
from roleshift.archive.store import StoreAddress
from roleshift.engine.facts.surroundings import Surroundings
from roleshift.engine.plan import Plan
from roleshift.engine.routes import routes_of
from roleshift.engine.run import RunRecord
from roleshift.errors import Reason, RoleshiftError
from roleshift.postgres.moving import Moving
from roleshift.postgres.session import Session, Timeouts

RowsDone = Callable[[int, int], None]
"""Told how many rows of how many were written so far."""


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that a phase gets; it knows of no cluster and no controller.

    Attributes:
        control: holds the lock on the target; ledger rows are written through it.
        work: facts, image, write and restore; its backend is recorded in the ledger.
        store: where archives lie and how to get in, read anew whenever it is needed; None in a rehearsal,
            which archives nothing.
        surroundings: looks at what is outside the database; called before each look at the database.
    """

    spec: RoleMigrationSpec
    run: RunRecord
    control: Session
    work: Session
    rows_done: RowsDone
    surroundings: Callable[[], Awaitable[Surroundings]]
    store: Callable[[], Awaitable[StoreAddress]] | None = None

    @property
    def timeouts(self) -> Timeouts:
        """The limits of the manifest's strategy, for transactions that work on the target."""
        strategy = self.spec.strategy
        return Timeouts(strategy.lock_timeout_seconds, strategy.statement_timeout_seconds)

    @property
    def plan(self) -> Plan:
        """The plan that Checking made.

        Raises:
            RoleshiftError: InternalError; the run's row has no plan although it is past Checking.
        """
        if self.run.plan is None:
            raise RoleshiftError(Reason.INTERNAL_ERROR, "the ledger has no plan for this run")
        return self.run.plan

    @property
    def moving(self) -> Moving:
        """The mapping on the target, as the plan has it."""
        shape = self.plan.shape
        return Moving(shape, routes_of(self.spec.mappings, self.spec.privileges.order, shape))
