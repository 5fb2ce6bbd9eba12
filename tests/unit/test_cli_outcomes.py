"""A run's end becomes an exit code, measured by what somebody waits for."""

import pytest

from roleshift.api import CONCLUSIONS, Phase
from roleshift.cli.exit_codes import ExitCode
from roleshift.cli.options import Wanted
from roleshift.cli.outcomes import ending, is_over, pause, wanted_by_spec
from roleshift.cli.subject import subject_of
from support.cli_states import Json, migration

ON_THE_WAY = [
    Phase.PENDING,
    Phase.CHECKING,
    Phase.BACKING_UP,
    Phase.MIGRATING,
    Phase.VALIDATING,
    Phase.ROLLING_BACK,
]


@pytest.mark.parametrize("phase", ON_THE_WAY)
@pytest.mark.parametrize("wanted", [Wanted.DONE, Wanted.ROLLED_BACK, Wanted.APPROVAL])
def test_a_run_on_its_way_has_not_ended(phase: Phase, wanted: Wanted) -> None:
    assert ending(subject_of(migration(phase)), wanted) is None


@pytest.mark.parametrize(
    ("phase", "wanted", "code"),
    [
        (Phase.DONE, Wanted.DONE, ExitCode.WANTED),
        (Phase.DONE, Wanted.ROLLED_BACK, None),
        (Phase.ROLLED_BACK, Wanted.DONE, ExitCode.ROLLED_BACK),
        (Phase.ROLLED_BACK, Wanted.ROLLED_BACK, ExitCode.WANTED),
        (Phase.FAILED, Wanted.DONE, ExitCode.FAILED),
        (Phase.FAILED, Wanted.ROLLED_BACK, ExitCode.FAILED),
    ],
)
def test_an_end_is_measured_by_what_is_wanted(phase: Phase, wanted: Wanted, code: ExitCode | None) -> None:
    assert ending(subject_of(migration(phase)), wanted) is code


def with_condition(body: Json, kind: str, status: str) -> Json:
    """The object with one condition more."""
    body["status"]["conditions"].append(
        {**body["status"]["conditions"][0], "type": kind, "status": status, "reason": "Because"}
    )
    return body


def planned(reason: str = "WaitingForApproval") -> Json:
    """A run in Checking whose plan is there."""
    return migration(Phase.CHECKING, reason=reason, plan=migration(Phase.DONE)["status"]["plan"])


def test_a_plan_is_there_once_the_look_that_made_it_is_over() -> None:
    assert ending(subject_of(planned()), Wanted.PLAN) is ExitCode.WANTED
    assert ending(subject_of(planned("LockTimeout")), Wanted.PLAN) is ExitCode.WANTED
    assert ending(subject_of(planned("Checking")), Wanted.PLAN) is None
    assert ending(subject_of(migration(Phase.CHECKING, reason="SecretNotFound")), Wanted.PLAN) is None
    for phase in (Phase.BACKING_UP, Phase.DONE):
        assert ending(subject_of(migration(phase)), Wanted.PLAN) is ExitCode.WANTED


@pytest.mark.parametrize("phase", [Phase.CHECKING, Phase.MIGRATING, Phase.DONE])
def test_an_approval_is_there_when_its_condition_is_true(phase: Phase) -> None:
    assert ending(subject_of(with_condition(migration(phase), "Approved", "True")), Wanted.APPROVAL) == 0
    refused = with_condition(migration(phase), "Approved", "False")
    assert ending(subject_of(refused), Wanted.APPROVAL) is None


@pytest.mark.parametrize("wanted", [Wanted.PLAN, Wanted.APPROVAL])
def test_what_never_comes_any_more_is_said_by_the_end(wanted: Wanted) -> None:
    assert ending(subject_of(migration(Phase.FAILED)), wanted) is ExitCode.FAILED
    assert ending(subject_of(migration(Phase.ROLLED_BACK)), wanted) is ExitCode.ROLLED_BACK


def test_who_waits_for_an_approval_goes_on_waiting_for_the_person_who_gives_it() -> None:
    waiting = subject_of(planned())
    assert pause(waiting, Wanted.APPROVAL) is None
    assert pause(waiting, Wanted.DONE) is ExitCode.WAITS_FOR_A_PERSON
    suspended = subject_of(migration(Phase.CHECKING, reason="Suspended"))
    assert pause(suspended, Wanted.APPROVAL) is ExitCode.WAITS_FOR_A_PERSON


def test_a_wait_that_was_told_of_an_older_spec_keeps_nobody() -> None:
    body = planned()
    body["metadata"]["generation"] = 2
    assert pause(subject_of(body)) is None
    assert ending(subject_of(body), Wanted.PLAN) is None


def test_a_rollback_that_left_rows_is_not_what_was_wanted() -> None:
    body = migration(Phase.ROLLED_BACK, rollback={"result": "Partial", "remaining": 2})
    assert ending(subject_of(body), Wanted.ROLLED_BACK) is ExitCode.FAILED
    assert ending(subject_of(body), Wanted.DONE) is ExitCode.ROLLED_BACK


def test_a_status_of_an_older_spec_is_no_end() -> None:
    body = migration(Phase.FAILED)
    body["metadata"]["generation"] = 2
    assert ending(subject_of(body), Wanted.DONE) is None


def test_what_is_wanted_follows_the_spec() -> None:
    body = migration(Phase.DONE)
    assert wanted_by_spec(subject_of(body)) is Wanted.DONE
    body["spec"]["desiredState"] = "RolledBack"
    assert wanted_by_spec(subject_of(body)) is Wanted.ROLLED_BACK


def test_a_suspended_or_stalled_run_waits_for_a_person() -> None:
    stalled = migration(Phase.VALIDATING, reason="AwaitingDecision")
    stalled["status"]["conditions"].append({**stalled["status"]["conditions"][0], "type": "Stalled"})
    assert pause(subject_of(stalled)) is None
    stalled["status"]["conditions"][-1]["status"] = "True"
    assert pause(subject_of(stalled)) is ExitCode.WAITS_FOR_A_PERSON
    assert pause(subject_of(migration(Phase.CHECKING, reason="Suspended"))) is ExitCode.WAITS_FOR_A_PERSON
    superseded = subject_of(migration(Phase.DONE, reason="Superseded"))
    assert pause(superseded, Wanted.ROLLED_BACK) is ExitCode.WAITS_FOR_A_PERSON


def test_what_heals_by_itself_waits_for_nobody() -> None:
    assert pause(subject_of(migration(Phase.CHECKING, reason="SecretNotFound"))) is None


@pytest.mark.parametrize("reason", CONCLUSIONS)
def test_a_dry_run_or_a_rehearsal_is_not_the_end_that_a_pipeline_waits_for(reason: str) -> None:
    """Only a person can bring it on; but who watches it sees what it asked for."""
    subject = subject_of(migration(Phase.DONE, reason=reason))
    assert ending(subject, Wanted.DONE) is None
    assert pause(subject, Wanted.DONE) is ExitCode.WAITS_FOR_A_PERSON
    assert ending(subject, Wanted.PLAN) is ExitCode.WANTED
    assert is_over(subject) is ExitCode.WANTED


def test_what_the_object_asks_for_is_over_when_it_is_there() -> None:
    assert is_over(subject_of(migration(Phase.DONE, ready="True"))) is ExitCode.WANTED
    assert is_over(subject_of(migration(Phase.MIGRATING))) is None
