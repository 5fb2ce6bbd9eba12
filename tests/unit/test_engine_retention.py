"""When backups may go, and what is refused once they have."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from roleshift.api import Phase
from roleshift.engine import retention
from roleshift.engine.attempts import Continuation, is_at_rest
from roleshift.engine.outcome import Advance, Extent, Undo, Wait
from roleshift.engine.run import ArchiveRecord, RunRecord
from roleshift.engine.steps import RollbackRequest
from roleshift.errors import Reason
from support.engine_values import IMAGE, NOW, asks, run_in

DAY = timedelta(days=1)
BACK = Undo(Reason.ROLLED_BACK_ON_REQUEST, "asked", Extent.COMMITTED)
ARCHIVE = ArchiveRecord("s3://b/p/ns/n/run", 10, 100, "abc", True, NOW, NOW + DAY)
GONE: dict[str, Any] = {"removed_at": NOW, "removal_reason": "Expired"}


def done(**changes: Any) -> RunRecord:
    return run_in(
        Phase.DONE, **{"completed_at": NOW, "image": replace(IMAGE, expires_at=NOW + DAY), **changes}
    )


def test_the_time_is_counted_from_the_end() -> None:
    assert retention.expiry(done(), 86400) == NOW + DAY
    assert retention.expiry(done(completed_at=None), 86400) is None
    assert retention.expiry(done(image=None), 86400) is None


def test_a_changed_time_is_out_of_date_and_an_unchanged_one_is_not() -> None:
    assert not retention.is_out_of_date(done(archive=ARCHIVE), 86400)
    assert retention.is_out_of_date(done(archive=ARCHIVE), 60)
    assert retention.is_out_of_date(done(archive=replace(ARCHIVE, expires_at=NOW)), 86400)


def test_what_is_gone_has_no_time_any_more() -> None:
    gone = done(image=replace(IMAGE, **GONE))
    assert not retention.is_out_of_date(gone, 60)
    assert retention.seconds_left(gone, NOW) is None


def test_seconds_are_left_until_the_first_goes_and_never_less_than_none() -> None:
    assert retention.seconds_left(done(), NOW) == 86400
    assert retention.seconds_left(done(archive=replace(ARCHIVE, expires_at=NOW + DAY / 2)), NOW) == 43200
    assert retention.seconds_left(done(), NOW + 2 * DAY) == 0.0


@pytest.mark.parametrize("run", [done(active=True), done(completed_at=None), done(image=None)])
def test_nothing_goes_of_a_run_that_is_active_or_has_not_ended_or_has_nothing(run: RunRecord) -> None:
    assert retention.seconds_left(run, NOW + 99 * DAY) is None


def test_without_any_backup_a_done_run_can_not_be_undone() -> None:
    outcome = retention.unless_removed(done(image=replace(IMAGE, **GONE)), BACK)
    assert isinstance(outcome, Wait)
    assert outcome.reason is Reason.BACKUP_EXPIRED
    assert "retentionSeconds was over" in outcome.message


def test_with_one_that_is_left_it_can() -> None:
    assert retention.unless_removed(done(image=replace(IMAGE, **GONE), archive=ARCHIVE), BACK) is BACK
    assert retention.unless_removed(done(), BACK) is BACK
    going_on = Advance("on")
    assert retention.unless_removed(done(image=replace(IMAGE, **GONE)), going_on) is going_on


def test_such_a_run_rests_though_its_old_roles_are_asked_for() -> None:
    back = asks(rollback=RollbackRequest.REQUESTED)
    assert is_at_rest(Continuation.GO_ON, done(image=replace(IMAGE, **GONE)), back)
    assert not is_at_rest(Continuation.GO_ON, done(), back)


def test_a_request_that_was_noted_before_counts_only_as_long_as_there_is_a_way_back() -> None:
    noted = done(image=replace(IMAGE, **GONE), rollback_requested_at=NOW)
    assert is_at_rest(Continuation.GO_ON, noted, asks())
