"""Where no screen can be redrawn, a line tells of each change, and of nothing else."""

from typing import Any

from roleshift.api import Phase
from roleshift.cli.lines import change, summary
from roleshift.cli.subject import subject_of
from support.cli_states import migration, progress


def told(before: dict[str, Any] | None, after: dict[str, Any]) -> str:
    """The line for a change between two looks."""
    return change(None if before is None else subject_of(before), subject_of(after))


def test_the_first_look_says_where_the_run_is() -> None:
    assert told(None, migration(Phase.CHECKING)) == "people/seniority-2026: Checking"


def test_a_new_phase_and_a_new_reason_are_told() -> None:
    checking = migration(Phase.CHECKING)
    waiting = migration(Phase.CHECKING, reason="SecretNotFound", message="create the\nSecret people-db")
    assert told(checking, waiting) == (
        "people/seniority-2026: Checking, SecretNotFound: create the Secret people-db"
    )
    assert told(waiting, migration(Phase.BACKING_UP)) == "people/seniority-2026: BackingUp"


def test_each_tenth_of_the_progress_is_told() -> None:
    at = {percent: migration(Phase.MIGRATING, progress=progress(percent)) for percent in (0, 9, 10, 61)}
    assert told(at[0], at[9]) == ""
    assert told(at[9], at[10]) == "people/seniority-2026: Migrating 10%: 10,000 of 100,000 rows"
    fast = migration(Phase.MIGRATING, progress=progress(61, rowsPerSecond=45_120))
    assert told(at[10], fast).endswith("Migrating 61%: 61,000 of 100,000 rows, 45,120 rows/s")
    assert told(at[61], fast) == ""


def test_a_summary_says_phase_reason_and_message() -> None:
    body = migration(Phase.DONE, reason="MigrationCompleted", message="100000 rows migrated")
    assert summary(subject_of(body)) == (
        "people/seniority-2026: Done, MigrationCompleted: 100000 rows migrated"
    )
