"""The status screen tells a person where a run is, in 80 columns, in every phase; colours are left out."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from roleshift.api import Phase
from roleshift.cli.screen import screen
from roleshift.cli.subject import subject_of
from roleshift.cli.symbols import ASCII, UNICODE, Symbols, symbols_for
from support.cli_states import BACKED_UP, BROKEN, CHECKED, RUN, migration, progress, step

NOW = datetime(2026, 11, 23, 14, 45, 2, tzinfo=UTC)


def drawn(body: dict[str, Any], symbols: Symbols = UNICODE, width: int = 80) -> str:
    """The screen as text, 12 seconds after the run began."""
    console = Console(file=io.StringIO(), width=width)
    console.print(screen(subject_of(body), NOW, symbols))
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def phases(text: str) -> list[str]:
    """The lines of the timeline, with single spaces."""
    return [" ".join(line.split()) for line in text.split("\n\n")[1].splitlines()]


def section(text: str, label: str) -> list[str]:
    """The lines of one section, without its label and the indentation."""
    lines = iter(text.splitlines())
    found = [next(line for line in lines if line.startswith(f"  {label}"))[14:]]
    for line in lines:
        if not line.startswith(" " * 14):
            break
        found.append(line[14:])
    return found


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("symbols", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_every_phase_fits_into_80_columns_and_one_screen(phase: Phase, symbols: Symbols) -> None:
    text = drawn(migration(phase), symbols)
    assert max(map(len, text.splitlines())) <= 80
    assert len(text.splitlines()) <= 24
    assert "people/seniority-2026" in text
    assert "table user_profiles" in text


@pytest.mark.parametrize("phase", Phase)
def test_without_unicode_only_ascii_is_drawn(phase: Phase) -> None:
    assert drawn(migration(phase), ASCII).isascii()


def test_the_signs_follow_the_encoding() -> None:
    assert symbols_for("utf-8") is symbols_for("UTF8") is UNICODE
    assert symbols_for("iso-8859-1") is symbols_for("ascii") is symbols_for(None) is ASCII


class TestTimeline:
    def test_an_object_that_nobody_has_looked_at_yet(self) -> None:
        text = drawn({**migration(Phase.PENDING), "status": {"observedGeneration": -1, "phase": "Pending"}})
        assert "The operator has not looked at this yet. Is it running?" in text
        assert phases(text) == ["· Checking", "· BackingUp", "· Migrating", "· Validating", "· Done"]

    def test_a_run_on_its_way(self) -> None:
        text = drawn(migration(Phase.MIGRATING))
        assert f"run {RUN} · began 12 s ago" in text
        assert phases(text) == [
            "✓ Checking 1 s score 100; 100000 rows will change",
            "✓ BackingUp 1 s 100000 rows in roleshift.migration_backup_user_profiles_1…",
            "▶ Migrating 10 s",
            "· Validating",
            "· Done",
        ]
        assert text.endswith("Migrating")

    def test_a_run_that_is_done(self) -> None:
        body = migration(
            Phase.DONE, reason="MigrationCompleted", message="100000 rows migrated", ready="True"
        )
        text = drawn(body)
        assert phases(text)[-2:] == ["✓ Validating 1 s 11 verifications passed", "✓ Done 6 s in all"]
        assert text.endswith("Done, MigrationCompleted: 100000 rows migrated")

    def test_a_rollback_on_its_way(self) -> None:
        text = drawn(migration(Phase.ROLLING_BACK, reason="RolledBackOnRequest", message="asked for"))
        assert phases(text)[-2:] == ["▶ RollingBack 4 s", "· RolledBack"]
        assert "Done" not in text

    def test_a_transaction_that_was_rolled_back(self) -> None:
        body = migration(
            Phase.ROLLED_BACK,
            reason="ValidationFailed",
            message="expected '0', got '17'",
            steps=[CHECKED, BACKED_UP, BROKEN],
            rollback={"result": "TransactionRolledBack", "reason": "expected '0', got '17'"},
        )
        text = drawn(body)
        assert [line.split()[1] for line in phases(text)] == [
            "Checking",
            "BackingUp",
            "Migrating",
            "RolledBack",
        ]
        assert "✗ Migrating 3 s the transaction was rolled back" in phases(text)
        assert section(text, "Rollback") == ["the transaction was rolled back before it was committed"]
        assert text.endswith("RolledBack, ValidationFailed: expected '0', got '17'")

    def test_a_run_that_failed_before_it_wrote(self) -> None:
        text = drawn(migration(Phase.FAILED, reason="ChecksFailed", message="ServerVersion: too old"))
        assert phases(text) == ["✗ Checking 1 s ServerVersion failed", "✗ Failed 1 s in all"]
        assert text.endswith("Failed, ChecksFailed: ServerVersion: too old")

    def test_a_run_that_waits_says_for_what(self) -> None:
        body = migration(
            Phase.CHECKING,
            reason="SecretNotFound",
            message="create the Secret people-db",
            steps=[step(Phase.CHECKING, "Waiting", 0, attempts=3)],
        )
        text = drawn(body)
        assert phases(text)[0] == "… Checking 12 s attempt 3"
        assert text.endswith("Checking, SecretNotFound: create the Secret people-db")

    def test_suspend_is_seen(self) -> None:
        body = migration(Phase.CHECKING, reason="Suspended", message="remove spec.suspend to go on")
        body["spec"]["suspend"] = True
        assert "suspend is set" in drawn(body)

    def test_a_status_of_an_older_spec_is_not_taken_for_the_truth(self) -> None:
        body = migration(Phase.DONE, reason="MigrationCompleted", ready="True")
        body["metadata"]["generation"] = 2
        assert drawn(body).endswith("This was changed, and the operator has not looked at it since.")


class TestProgress:
    def test_the_bar_has_rows_rate_and_remaining_time(self) -> None:
        known = progress(61, rowsPerSecond=45_120, estimatedCompletionTime="2026-11-23T14:45:05Z")
        text = drawn(migration(Phase.MIGRATING, progress=known))
        assert f"  {'━' * 24}{'─' * 16}  61%" in text
        assert "  61,000 of 100,000 rows · 45,120 rows/s · ETA 3 s" in text

    def test_it_draws_plainly_without_unicode(self) -> None:
        text = drawn(migration(Phase.MIGRATING, progress=progress(50)), ASCII)
        assert f"  {'#' * 20}{'-' * 20}  50%" in text

    def test_what_slows_a_run_down_is_named(self) -> None:
        known = progress(10, throttledBy="replication lag 12 s, limit 10 s")
        assert "throttled by replication lag 12 s" in drawn(migration(Phase.MIGRATING, progress=known))

    def test_there_is_no_bar_when_nothing_is_written(self) -> None:
        assert "━" not in drawn(migration(Phase.DONE))
        assert "─" not in drawn(migration(Phase.VALIDATING))


class TestSections:
    def test_what_lowers_the_score_is_listed_with_what_to_do(self) -> None:
        results = [
            {"name": "Locks", "category": "Application", "result": "Passed", "severity": "Critical"},
            {
                "name": "RoleConsistency",
                "category": "Integrity",
                "result": "Warning",
                "severity": "Critical",
                "message": "set spec.privileges.order",
            },
            {"name": "RoleType", "category": "Prerequisites", "result": "Failed", "severity": "Critical"},
        ]
        safety = {"score": 50, "passed": 1, "warnings": 1, "failed": 1, "results": results}
        assert section(drawn(migration(Phase.CHECKING, safety=safety)), "Safety") == [
            "score 50 of 100 · 1 passed · 1 warned · 1 failed · 3 of 24 checks",
            "made",
            "! RoleConsistency Warning: set spec.privileges.order",
            "✗ RoleType Failed",
        ]

    def test_the_plan_shows_the_largest_groups_first(self) -> None:
        assert section(drawn(migration(Phase.MIGRATING)), "Plan") == [
            "junior_dev → developer  junior  99,000 rows",
            "admin      → admin      lead     1,000 rows",
        ]

    def test_a_large_plan_is_cut_and_says_so(self) -> None:
        cells = [{"from": f"old{i}", "to": "new", "rows": 10 * i} for i in range(1, 13)]
        lines = section(drawn(migration(Phase.MIGRATING, plan={"matrix": cells})), "Plan")
        assert lines[0] == "old12 → new  120 rows"
        assert lines[-1] == "· 4 more groups with 100 rows"

    def test_a_plan_that_changes_nothing_says_so(self) -> None:
        plan: dict[str, Any] = {"rows": 0, "matrix": []}
        assert section(drawn(migration(Phase.DONE, plan=plan)), "Plan") == ["no row has to change"]

    def test_the_backup_says_how_long_it_is_kept(self) -> None:
        assert section(drawn(migration(Phase.DONE)), "Backup") == [
            "migration_backup_user_profiles_16823e61",
            "100,000 rows · 5.5 MB · verified · kept until 2026-12-23",
        ]

    def test_a_failed_verification_is_named(self) -> None:
        results = [
            {"name": "UserCount", "result": "Passed"},
            {"name": "Assertion/every-lead", "result": "Failed", "message": "expected '0', got '17'"},
        ]
        text = drawn(migration(Phase.ROLLED_BACK, validation={"results": results}))
        assert section(text, "Validation") == [
            "1 of 2 verifications passed",
            "✗ Assertion/every-lead Failed: expected '0', got '17'",
        ]

    def test_a_rollback_with_conflicts_names_who_what_and_examples(self) -> None:
        rollback = {
            "requestedBy": "anna@example.com",
            "reason": "too early",
            "result": "Partial",
            "rowsRestored": 99_998,
            "conflicts": 2,
            "remaining": 2,
            "examples": ["17", "23"],
        }
        text = drawn(migration(Phase.ROLLED_BACK, reason="RolledBackWithConflicts", rollback=rollback))
        assert section(text, "Rollback") == [
            "asked for by anna@example.com: too early",
            "Partial · 99,998 rows restored · 2 rows left · 2 conflicts",
            "conflicts, for example: 17, 23",
        ]

    def test_health_is_shown_where_it_is_known(self) -> None:
        text = drawn(migration(Phase.MIGRATING, health={"connections": 7, "replicationLagSeconds": 0}))
        assert section(text, "Health") == ["connections 7 · replication lag 0 s"]

    def test_long_messages_wrap_and_are_never_cut(self) -> None:
        message = "grant the role roleshift the right CREATE on the database people, then retry; " * 3
        text = drawn(migration(Phase.FAILED, reason="PermissionDenied", message=message))
        assert message.split() == text.split("PermissionDenied: ")[1].split()


def test_markup_in_names_and_messages_is_plain_text() -> None:
    body = migration(Phase.FAILED, reason="InvalidSpec", message="[bold]x[/bold] and [/]")
    assert "[bold]x[/bold] and [/]" in drawn(body)
