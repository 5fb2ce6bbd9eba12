"""A run whose verification fails after its commit, because of something that a test can put right again."""

from dataclasses import dataclass
from typing import Any

from localenv.database import Database
from roleshift.engine.requests import ACCEPT, REASON, REQUESTED_BY, RESUME
from support.migrations import condition_of
from support.stage import Stage

# Before the commit nobody complains.
ASSERTION = {
    "name": "nobody-complains",
    "query": "SELECT CASE WHEN EXISTS"
    " (SELECT FROM roleshift.migration_run WHERE active AND phase = 'Validating')"
    " THEN (SELECT n FROM complaints) ELSE 0 END",
    "expected": "0",
}


@dataclass
class Deciding:
    """A stage whose run comes to a verification that fails."""

    stage: Stage

    @classmethod
    def on(cls, stage: Stage) -> "Deciding":
        """Nothing is applied yet."""
        stage.database.execute("CREATE TABLE complaints (n int); INSERT INTO complaints VALUES (1)")
        return cls(stage)

    @property
    def database(self) -> Database:
        """The database."""
        return self.stage.database

    def apply(self, policy: str, **changes: Any) -> None:
        """Apply the manifest."""
        self.stage.apply(rollback={"policy": policy}, validation={"assertions": [ASSERTION]}, **changes)

    def awaited(self, policy: str = "Recommend") -> dict[str, Any]:
        """Apply, and wait until the run waits for a decision; its status."""
        self.apply(policy)
        return self.stage.migration.wait_for_reason("AwaitingDecision")

    def mend(self) -> None:
        """What had failed is right from now on."""
        self.database.execute("UPDATE complaints SET n = 0")

    def resume(self, time: str = "again") -> None:
        """Ask for a new verification."""
        self.stage.migration.patch(annotations={RESUME: time})

    def accept(self, reason: str | None = "the complaints are known") -> None:
        """Take the data as they are."""
        self.stage.migration.patch(annotations={ACCEPT: "yes", REASON: reason, REQUESTED_BY: "kim"})

    def assert_awaits(self, status: dict[str, Any]) -> None:
        """A person has to decide, and everybody can see it; the table is as the run left it."""
        ready = condition_of(status, "Ready")
        assert (status["phase"], ready["status"], ready["reason"]) == (
            "Validating",
            "False",
            "AwaitingDecision",
        )
        assert condition_of(status, "Stalled")["reason"] == "AwaitingDecision"
        assert condition_of(status, "Reconciling") == {}
        assert condition_of(status, "DataConsistent")["status"] == "False"
        assert "Assertion/nobody-complains: expected '0', got '1'" in ready["message"]
        self.stage.oracle.assert_after()
        run = self.stage.ledger.run
        assert (run["active"], run["phase"], run["reason"]) == (True, "Validating", "AwaitingDecision")
        assert str(run["run_id"]) == status["runID"]
