"""What image and write took is told beside what was estimated, as exactly as is known, never invented."""

from dataclasses import replace

import pytest

from roleshift.api import Phase, WALOf
from roleshift.engine.accuracy import Measured, measured, told
from roleshift.engine.amounts import measured_seconds
from roleshift.engine.conditions import Activity, View
from roleshift.engine.cost import Taken
from roleshift.engine.projection import ObjectFacts, project
from roleshift.engine.run import LogEntry, LogOutcome, RunRecord
from roleshift.errors import Reason
from support.engine_values import IMAGE, NOW, PLAN, WRITE, run_in

ESTIMATED = replace(PLAN, estimated_seconds=2, estimated_wal_bytes=450_000, estimated_image_bytes=10_000)
IMAGED = Taken(0.04, None, 30_000, WALOf.SERVER)
WRITTEN = Taken(0.25, 0.5, 400_000, WALOf.SERVER)
ITS_OWN_IMAGE = replace(IMAGED, wal_bytes=20_000, wal_of=WALOf.BACKEND)
ITS_OWN_WRITE = replace(WRITTEN, lock_seconds=0.6, wal_bytes=300_000, wal_of=WALOf.BACKEND)


def line(step: Phase, outcome: LogOutcome, taken: Taken | None) -> LogEntry:
    return LogEntry(step, outcome, NOW, NOW, 10, "10 rows", taken=taken)


def run_with(*log: LogEntry) -> RunRecord:
    return run_in(Phase.DONE, plan=ESTIMATED, image=IMAGE, write=WRITE, log=log)


IN_THE_TRANSACTION = (
    line(Phase.BACKING_UP, LogOutcome.SUCCEEDED, IMAGED),
    line(Phase.MIGRATING, LogOutcome.SUCCEEDED, WRITTEN),
)
AFTER_IT = (
    line(Phase.BACKING_UP, LogOutcome.MEASURED, ITS_OWN_IMAGE),
    line(Phase.MIGRATING, LogOutcome.MEASURED, ITS_OWN_WRITE),
)
ALL = (IN_THE_TRANSACTION[0], AFTER_IT[0], IN_THE_TRANSACTION[1], AFTER_IT[1])


def test_what_is_known_after_the_commit_is_told_of_the_run_alone() -> None:
    assert measured(run_with(*ALL)) == Measured(0.6, 0.25, 320_000, WALOf.BACKEND)


def test_without_it_what_stands_in_the_transaction_does() -> None:
    assert measured(run_with(*IN_THE_TRANSACTION)) == Measured(0.5, 0.25, 430_000, WALOf.SERVER)


def test_one_half_that_includes_others_makes_the_whole_include_them() -> None:
    found = measured(run_with(*IN_THE_TRANSACTION, AFTER_IT[1]))
    assert found == Measured(0.6, 0.25, 330_000, WALOf.SERVER)


def test_a_write_of_an_older_version_was_not_measured() -> None:
    run = run_with(line(Phase.MIGRATING, LogOutcome.SUCCEEDED, None))
    assert measured(run) is None
    assert told(run, Phase.MIGRATING) == told(run, Phase.BACKING_UP) == ""


def test_an_image_of_an_older_version_leaves_the_wal_unknown() -> None:
    found = measured(run_with(*IN_THE_TRANSACTION[1:]))
    assert found is not None
    assert found.wal_bytes is None
    assert "WAL" not in told(run_with(*IN_THE_TRANSACTION[1:]), Phase.MIGRATING)


def test_it_is_told_beside_the_estimate() -> None:
    assert told(run_with(*ALL), Phase.BACKING_UP) == "took <0.1 s; 8.0 KiB (about 9.8 KiB estimated)"
    assert told(run_with(*ALL), Phase.MIGRATING) == (
        "the UPDATE took 0.2 s; the table was locked for 0.6 s (about 2 s estimated); "
        "312 KiB of WAL with the image (about 439 KiB estimated)"
    )
    assert "420 KiB of WAL with the image, what others wrote meanwhile included" in told(
        run_with(*IN_THE_TRANSACTION), Phase.MIGRATING
    )


def test_an_estimate_that_could_not_be_made_is_not_invented() -> None:
    blind = replace(PLAN, estimated_seconds=None, estimated_wal_bytes=None)
    run = replace(run_with(*ALL), plan=blind)
    assert "estimated" not in told(run, Phase.BACKING_UP) + told(run, Phase.MIGRATING)


def test_the_status_has_it_in_the_plan_and_in_the_steps() -> None:
    view = View(Phase.DONE, Activity.ENDED, Reason.MIGRATION_COMPLETED, "", run_with(*ALL))
    status = project(view, ObjectFacts(1, None, None), NOW).dump()
    assert {
        key: value for key, value in status["plan"].items() if "stimated" in key or "measured" in key
    } == {
        "estimatedSeconds": 2,
        "measuredSeconds": 0.6,
        "measuredWriteSeconds": 0.25,
        "estimatedWALBytes": 450_000,
        "measuredWALBytes": 320_000,
        "measuredWALOf": "Backend",
        "estimatedImageBytes": 10_000,
    }
    messages = {step["name"]: step["message"] for step in status["steps"]}
    assert messages["BackingUp"].startswith("10 rows; took <0.1 s")
    assert messages["Migrating"].startswith("10 rows; the UPDATE took 0.2 s")
    assert [step["attempts"] for step in status["steps"]] == [1, 1]


def test_a_plan_says_nothing_of_a_write_that_is_not_committed() -> None:
    run = replace(run_with(IN_THE_TRANSACTION[0]), write=None, phase=Phase.MIGRATING)
    view = View(Phase.MIGRATING, Activity.WORKING, Reason.MIGRATING, "", run)
    assert "measuredSeconds" not in project(view, ObjectFacts(1, None, None), NOW).dump()["plan"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "<0.1 s"), (0.14, "0.1 s"), (9.96, "10.0 s"), (61.4, "61 s")]
)
def test_seconds_have_as_many_digits_as_matter(seconds: float, text: str) -> None:
    assert measured_seconds(seconds) == text
