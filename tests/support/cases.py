"""One migration of 40 users and the operator that looks after it: what it must say, and must not show.

For tests of input: what is refused, what is waited for, what works. Each look ends with a search for the
password in everything that can be seen.
"""

import base64
from dataclasses import dataclass, replace
from typing import Any

import psutil
from psycopg import sql

from localenv.database import Database
from localenv.operator import OperatorProcess
from localenv.wait import wait_until
from support.ledger_rows import LedgerRows
from support.migrations import Migration, condition_of
from support.tables import create_user_profiles

SECONDS = 20.0
CANARY_AS_A_WORD = "CanaryInTheMine"
CANARY = f"{CANARY_AS_A_WORD} p@ss/w%rd:&?"
"""A password with everything that has to be escaped in a URI."""


@dataclass
class Case:
    """A migration, its database, and the operator that works on it."""

    operator: OperatorProcess
    migration: Migration
    database: Database
    before: str = ""
    log_before: int = 0

    @classmethod
    def of_40_users(cls, operator: OperatorProcess, migration: Migration, database: Database) -> "Case":
        """A case with the sample table; the database's owner gets the canary as the password."""
        create_user_profiles(database, 40)
        return cls(operator, migration, with_password(database, CANARY))

    # What a person does

    def apply(self, uri: str | None = None, **changes: Any) -> None:
        """Apply the sample manifest, changed, with a Secret for the database or another URI."""
        self.migration.secret(self.database.uri if uri is None else uri)
        self.apply_without_secret(**changes)

    def apply_without_secret(self, **changes: Any) -> None:
        """Apply the sample manifest, changed."""
        self.remember()
        self.migration.apply(**changes)

    def remember(self) -> None:
        """Note how the table is before the run."""
        self.before = self.database.row_set_hash("user_profiles")
        self.log_before = len(self.operator.log_text())

    # What a person finds

    def assert_refused(self, reason: str, *says: str) -> None:
        """The run ends before it writes anything; it says why, and what to do."""
        status = self.migration.wait_for_end(SECONDS)
        assert status["phase"] == "Failed", status
        assert condition_of(status, "Stalled")["status"] == "True"
        assert condition_of(status, "Reconciling") == {}
        self._assert_says(status, reason, says)
        self.assert_nothing_changed()

    def assert_waits(self, reason: str, *says: str) -> None:
        """The run waits before its first write; it says for what, and what to do."""
        assert self.says_it_waits(reason, *says)["phase"] in ("Pending", "Checking")
        self.assert_nothing_changed()

    def says_it_waits(self, reason: str, *says: str) -> dict[str, Any]:
        """The conditions of a run that waits, without a look at the database; its status."""
        status = self.migration.wait_for_reason(reason, SECONDS)
        reconciling = condition_of(status, "Reconciling")
        assert (reconciling["status"], reconciling["reason"]) == ("True", reason)
        assert condition_of(status, "Stalled") == {}
        self._assert_says(status, reason, says)
        return status

    def assert_done(self) -> dict[str, Any]:
        """The run does its work; its status."""
        status = self.migration.wait_for(_is_done, "phase Done", SECONDS)
        assert condition_of(status, "Ready")["status"] == "True"
        LedgerRows(self.database).assert_agrees(status)
        assert self.database.row_set_hash("user_profiles") != self.before
        self.assert_password_not_shown()
        return status

    def assert_nothing_changed(self) -> None:
        """The table is as it was, no run occupies it, and no image was left."""
        ledger = LedgerRows(self.database)
        self.assert_table_unchanged()
        assert not ledger.run.get("active")
        assert not ledger.run or ledger.images == 0
        self.assert_password_not_shown()

    def assert_table_unchanged(self) -> None:
        """Every row is as it was."""
        assert self.database.row_set_hash("user_profiles") == self.before

    def assert_password_not_shown(self) -> None:
        """Neither log, metrics, events, object, process arguments nor database hold the password."""
        process = psutil.Process(self.operator.process.pid)
        seen = {
            "log": self.operator.log_text()[self.log_before :],
            "metrics": self.operator.metrics_text(),
            "events": self.events(),
            "object": str(self.migration.read()),
            "arguments": str([one.cmdline() for one in (process, *process.children(recursive=True))]),
            "database": self.database.server.run("pg_dump", database=self.database.name),
        }
        assert [where for where, text in seen.items() if _shows_canary(text, self.database.uri)] == []

    def events(self) -> str:
        """The events of the namespace."""
        return self.migration.control_plane.api.text(f"/api/v1/namespaces/{self.migration.namespace}/events")

    def _assert_says(self, status: dict[str, Any], reason: str, says: tuple[str, ...]) -> None:
        ready = condition_of(status, "Ready")
        assert (ready["status"], ready["reason"]) == ("False", reason), ready
        assert [text for text in says if text not in ready["message"]] == [], ready["message"]
        wait_until(lambda: f'"reason":"{reason}"' in self.events(), SECONDS, f"an event says {reason}")


def with_password(database: Database, password: str) -> Database:
    """Give a database's owner a password."""
    statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(
        sql.Identifier(database.owner), sql.Literal(password)
    )
    with database.admin() as admin:
        admin.execute(statement)
    return replace(database, password=password)


def _is_done(status: dict[str, Any]) -> bool:
    return status.get("phase") == "Done"


def _shows_canary(text: str, uri: str) -> bool:
    encoded = [base64.b64encode(secret.encode()).decode() for secret in (CANARY, uri)]
    return any(spelling in text for spelling in (CANARY_AS_A_WORD, *encoded))
