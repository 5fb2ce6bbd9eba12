"""What is said of a rehearsal: which lock, what was compared, and what was not tried."""

from dataclasses import replace

from roleshift.engine.outcome import Advance, Fail
from roleshift.engine.plan import AddColumn, AddEnumValue
from roleshift.engine.rehearsal import (
    Rehearsal,
    RowSet,
    comparison,
    failed,
    incomplete,
    locks_readers,
    rehearsal_lock,
    summary,
    unusable_labels,
)
from roleshift.errors import Reason
from support.engine_values import PASSED, PLAN

ROWS = RowSet(10, "42")
WENT_WELL = Rehearsal(Advance(), verification=(PASSED,), rows=10, before=ROWS, after=ROWS, lock_seconds=1.25)


def test_it_holds_its_lock_for_the_write_and_for_the_way_back() -> None:
    assert rehearsal_lock(PLAN) == (
        "SHARE ROW EXCLUSIVE on public.user_profiles for about 2 s, until the rollback: SELECT goes on; "
        "INSERT, UPDATE, DELETE, VACUUM and CREATE INDEX wait"
    )
    unknown = replace(PLAN, estimated_seconds=None)
    assert "for as long as the rehearsal takes" in rehearsal_lock(unknown)


def test_a_column_that_is_added_keeps_readers_waiting() -> None:
    adds = replace(PLAN, schema_changes=(AddColumn("seniority_level", "text"),))
    assert locks_readers(adds)
    assert rehearsal_lock(adds).startswith("ACCESS EXCLUSIVE")
    assert "readers too" in rehearsal_lock(adds)
    assert not locks_readers(replace(PLAN, schema_changes=(AddEnumValue("user_role", "lead"),)))


def test_new_enum_values_are_what_can_not_be_tried() -> None:
    changes = (AddColumn("c", "text"), AddEnumValue("user_role", "lead"), AddEnumValue("user_role", "boss"))
    labels = unusable_labels(replace(PLAN, schema_changes=changes))
    assert labels == ("lead", "boss")
    end = incomplete(labels)
    assert end.reason is Reason.REHEARSAL_INCOMPLETE
    assert '"lead", "boss"' in end.message
    found = replace(WENT_WELL, end=end)
    assert (found.is_incomplete, found.is_complete) == (True, False)


def test_what_failed_is_neither_complete_nor_incomplete() -> None:
    found = Rehearsal(failed(Reason.VALIDATION_FAILED, "a row is missing"))
    assert (found.is_incomplete, found.is_complete) == (False, False)
    assert isinstance(found.end, Fail)
    assert found.end.logged


def test_whole_rows_are_compared_and_what_was_not_compared_is_not_called_equal() -> None:
    assert comparison(WENT_WELL) == "all 10 rows are as before to the last column"
    assert "other columns differ" in comparison(replace(WENT_WELL, after=RowSet(10, "43")))
    assert comparison(replace(WENT_WELL, after=None)) == "rows were not compared"


def test_the_summary_names_what_was_not_rehearsed_and_leaves_out_what_is_not_known() -> None:
    told = summary(WENT_WELL)
    assert "not rehearsed: the COMMIT itself" in told
    assert "locked for 1.2 s" in told
    assert "WAL" not in told
    assert "7 bytes of WAL, other sessions' included" in summary(replace(WENT_WELL, wal_bytes=7))
