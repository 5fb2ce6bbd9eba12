"""A stage for faults: a table with a gate, a run that can be held, and what must be true at its end."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from localenv.controlplane import ControlPlane
from localenv.database import Database
from localenv.operator import OperatorProcess
from localenv.wait import wait_until
from roleshift.engine.requests import RETRY
from support.gate import SLOW_ASSERTION, Gate
from support.ledger_rows import LedgerRows
from support.migrations import Migration
from support.oracle import TableOracle
from support.tables import create_user_profiles

CATCH_UP_SECONDS = 20.0
"""How soon status, ledger and table must agree once a leader holds the Lease again."""

QUICK_LEASE = (
    "--lease-duration=2",
    "--lease-renew-deadline=1.5",
    "--lease-retry-period=0.2",
)


BROKEN_ASSERTION = {"name": "nobody", "query": "SELECT count(*) FROM user_profiles", "expected": "0"}
"""Lets the write roll itself back."""


@dataclass
class Stage:
    """One run's surroundings."""

    control_plane: ControlPlane
    database: Database
    migration: Migration
    start_operator: Callable[..., OperatorProcess]
    oracle: TableOracle
    gate: Gate
    ledger: LedgerRows

    def start(self, **options: Any) -> OperatorProcess:
        """Start an operator."""
        return self.start_operator(**options)

    def apply(self, **changes: Any) -> None:
        """Apply the sample manifest; a run waits for its locks longer than a test does."""
        self.migration.apply(**{"strategy": {"lockTimeoutSeconds": 60}, **changes})

    def wait_until_released(self) -> None:
        """Wait until no finalizer stands: everything is written that was to be written."""
        wait_until(
            lambda: "finalizers" not in self.migration.read()["metadata"], 5, "the finalizer is removed"
        )

    @contextmanager
    def held_in(self, phase: str) -> Iterator[frozenset[int]]:
        """Apply, and hold the run in a phase; its backends that wait.

        It goes on when the block ends, or when the server does.
        """
        if phase == "RollingBack":
            self.apply()
            self.migration.wait_for_phase("Done")
        with _HOLDS[phase](self.gate):
            if phase == "RollingBack":
                self.migration.roll_back()
            else:
                self.apply(validation={"assertions": [SLOW_ASSERTION]})
            visitors = self.gate.wait_for_visitor()
            assert self.ledger.phase == phase
            yield visitors

    def retry_in_vain(self, token: str) -> None:
        """Ask for a new attempt of a run that comes back by itself, and wait until that came back too."""
        first = self.migration.status["runID"]
        self.migration.patch(annotations={RETRY: token})
        self.migration.wait_for(
            lambda s: s["runID"] != first and s["phase"] == "RolledBack", "it came back again"
        )
        self.assert_rolled_back(updates=0)

    def assert_done(self, deadline: float = CATCH_UP_SECONDS) -> dict[str, Any]:
        """The run ends in Done in time, every row was written once, and all agree."""
        status = self.migration.wait_for_end(deadline)
        assert status["phase"] == "Done", status
        self.oracle.assert_after()
        assert self.oracle.updates_of_each_row() == [1]
        self.ledger.assert_agrees(status)
        return status

    def assert_rolled_back(self, updates: int, deadline: float = CATCH_UP_SECONDS) -> dict[str, Any]:
        """The run ends in RolledBack in time, every row was written so often, and all agree."""
        status = self.migration.wait_for_phase("RolledBack", "Failed", deadline=deadline)
        assert status["phase"] == "RolledBack", status
        self.oracle.assert_before()
        assert self.oracle.updates_of_each_row() == [updates]
        self.ledger.assert_agrees(status)
        return status


_HOLDS: dict[str, Callable[[Gate], AbstractContextManager[None]]] = {
    "Checking": lambda gate: gate.locked("user_profiles", "ACCESS EXCLUSIVE"),
    "BackingUp": lambda gate: gate.locked("roleshift.migration_backup", "SHARE"),
    "Migrating": Gate.closed,
    "Validating": Gate.closed_in_validating,
    "RollingBack": Gate.closed,
}
PHASES = tuple(_HOLDS)


def restart(operator: OperatorProcess) -> None:
    """Kill an operator and start it again as the same pod, which takes its own Lease back at once."""
    operator.kill9()
    operator.start()
    operator.wait_ready()


def set_stage(
    control_plane: ControlPlane,
    namespace: str,
    database: Database,
    start_operator: Callable[..., OperatorProcess],
    rows: int = 1000,
) -> Stage:
    """A stage on a database; its Secret is in place."""
    create_user_profiles(database, rows)
    migration = Migration(control_plane, namespace)
    migration.secret(database.uri)
    ledger = LedgerRows(database)
    ledger.install()
    return Stage(
        control_plane, database, migration, start_operator, TableOracle(database), Gate(database), ledger
    )
