"""The report that is kept in the cluster: due once for each end, and of bounded size."""

import json

from roleshift.api import Phase
from roleshift.engine.kept_report import Conflict, Conflicts, kept_report, report_due
from roleshift.engine.run import RunRecord
from support.engine_values import NOW, run_in

ROW = Conflict("Conflict", ["7"], {"role": "boss"}, "the role was changed since")
DOCUMENT = {"name": "seniority", "summary": "Done"}


def ended(phase: Phase, **changes: object) -> RunRecord:
    return run_in(phase, completed_at=NOW, **changes)


def test_one_is_due_at_each_end_and_once() -> None:
    due = report_due(ended(Phase.DONE), "uid")
    assert due
    assert report_due(ended(Phase.DONE, reported=due), "uid") == ""
    assert report_due(ended(Phase.ROLLED_BACK, reported=due), "uid") != ""


def test_another_object_of_that_name_gets_its_own() -> None:
    due = report_due(ended(Phase.DONE), "uid")
    assert report_due(ended(Phase.DONE, reported=due), "another") != ""


def test_none_is_due_before_the_end_nor_of_a_run_that_did_nothing() -> None:
    assert report_due(run_in(Phase.MIGRATING), "uid") == ""
    assert report_due(ended(Phase.FAILED, write=None), "uid") == ""


def test_every_conflict_that_fits_is_told_and_the_rest_is_counted() -> None:
    told = json.loads(kept_report(DOCUMENT, "run-1", Conflicts((ROW,) * 3)))
    assert told["name"] == "seniority"
    assert [row["key"] for row in told["conflicts"]["rows"]] == [["7"]] * 3
    assert told["conflicts"]["leftOut"] == 0
    assert told["conflicts"]["restIsIn"] == ""


def test_the_size_is_kept_and_what_was_left_out_is_said_with_its_place() -> None:
    text = kept_report(DOCUMENT, "run-1", Conflicts((ROW,) * 1000, left_out=5), most_bytes=4000)
    told = json.loads(text)["conflicts"]
    assert 3500 < len(text.encode()) <= 4000
    assert told["leftOut"] == 1005 - len(told["rows"])
    assert told["restIsIn"] == "roleshift.migration_rollback_log of the database, run_id run-1"


def test_characters_of_many_bytes_count_as_what_they_are() -> None:
    row = Conflict("Conflict", ["ü" * 60], None, "gone")
    assert len(kept_report(DOCUMENT, "run-1", Conflicts((row,) * 100), most_bytes=2000).encode()) <= 2000
