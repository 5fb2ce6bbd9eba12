"""A migration of one shape of table through the API server: forward, seen row by row, and back."""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Protocol, Self

from localenv.database import Database
from support.foreseen import Foreseen, Rules
from support.ledger_rows import LedgerRows
from support.migrations import Migration, condition_of
from support.shapes import Content, Shape, assert_migrated

SECONDS = 20.0


@dataclass
class Journey:
    """A shape's table as it stood before the run, and the run.

    Attributes:
        columns: those that the table had before.
        touched: rows that the run wrote or removed.
    """

    migration: Migration
    database: Database
    shape: Shape
    before: Content
    columns: list[str]
    hash: str
    touched: frozenset[Hashable] = frozenset()

    @classmethod
    def begin(cls, migration: Migration, database: Database, shape: Shape) -> Self:
        """Look at a table that stands; nothing is applied yet."""
        columns = shape.columns(database)
        before = shape.read(database)
        found = database.row_set_hash(shape.table, columns, shape.schema)
        return cls(migration, database, shape, before, columns, found)

    def apply(self) -> None:
        """Apply the shape's manifest, with a Secret for the database."""
        self.migration.secret(self.database.uri)
        self.migration.apply(**self.shape.manifest())

    def there_and_back(self) -> None:
        """Forward, and back."""
        self.forward()
        self.back()

    def forward(self, rules: Rules | None = None) -> dict[str, Any]:
        """Apply, wait for Done, and compare every row and every figure; the status.

        Args:
            rules: where others than the shape's own hold.
        """
        self.apply()
        status = self.ends_as("Done", "RolledBack")
        foreseen = assert_migrated(self.shape, self.before, self.shape.read(self.database), rules)
        self.touched = foreseen.written | foreseen.removed
        self._assert_figures(status, foreseen)
        return status

    def back(self) -> dict[str, Any]:
        """Ask for the old roles as Git would; every row has to be as before. The status."""
        self.migration.roll_back()
        status = self.ends_as("RolledBack")
        assert status["rollback"]["result"] == "Complete", status["rollback"]
        assert status["rollback"]["rowsRestored"] == status["plan"]["rows"]
        assert status["rollback"]["conflicts"] == 0
        assert condition_of(status, "Ready")["status"] == "True"
        self.assert_as_before()
        return status

    def back_after(self, later: "Journey") -> None:
        """Back, once a later run on the same table is back: what that one wrote has new versions."""
        self.touched |= later.touched
        self.back()

    def refused(self) -> str:
        """Apply; the run has to end before it writes anything. Reason and message."""
        self.apply()
        status = self.ends_as("Failed", "Done", "RolledBack")
        self.assert_as_before()
        return said_in(status)

    def ends_as(self, phase: str, *others: str) -> dict[str, Any]:
        """Wait until the run is in that phase or in another one, which it must not be in; the status."""
        status = self.migration.wait_for_phase(phase, *others, "Failed", deadline=SECONDS)
        assert status["phase"] == phase, f"{status['phase']}, {said_in(status)}"
        return status

    def assert_as_before(self) -> None:
        """The table holds the very rows of the start; what is no business of the run was never touched."""
        found = self.database.row_set_hash(self.shape.table, self.columns, self.shape.schema)
        assert found == self.hash
        versions = self.shape.read(self.database).versions_but(self.touched)
        assert versions == self.before.versions_but(self.touched)

    def _assert_figures(self, status: dict[str, Any], foreseen: Foreseen) -> None:
        """Plan and backup say what came to pass."""
        LedgerRows(self.database).assert_agrees(status)
        plan, rows = status["plan"], len(foreseen.written) + len(foreseen.removed)
        found = Counter({(c["from"], c["to"], c.get("seniority")): c["rows"] for c in plan["matrix"]})
        assert found == foreseen.matrix
        assert (plan["rows"], plan["collisions"]) == (rows, len(foreseen.removed))
        assert (status["backup"]["rows"], status["backup"]["verified"]) == (rows, True)


def said_in(status: dict[str, Any]) -> str:
    """Reason and message of Ready."""
    ready = condition_of(status, "Ready")
    return f"{ready['reason']}: {ready['message']}"


class Begin(Protocol):
    """What the fixture `begin` gives."""

    def __call__(self, shape: Shape, name: str = "seniority") -> Journey:
        """A journey from the table as it stands; the first one of a test makes the table."""
