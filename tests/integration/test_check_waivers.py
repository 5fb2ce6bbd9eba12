"""Waivers on a real database; what was judged is judged again after a wait, and under the write's lock."""

from datetime import UTC, datetime, timedelta

import pytest

from localenv.database import Database
from roleshift.api import Phase
from roleshift.api.safety import CheckName, CheckResult
from roleshift.engine.facts.surroundings import Surroundings
from roleshift.engine.outcome import Advance, Fail, Outcome, Replan, Wait
from roleshift.engine.score import GateClosed, GateOpen
from roleshift.errors import Reason
from roleshift.phases.checking import outcome_of
from support.examinations import JUDGED, look
from support.others import holding, wait_until_older_than
from support.run_phases import PhaseRun, phases_on, spec_of

TABLE = "user_profiles"
EXPIRES = datetime(2026, 12, 24, 18, tzinfo=UTC)
PATIENT = {"lockTimeoutSeconds": 1}
CHANGE = "UPDATE user_profiles SET note = note WHERE id = 1"


@pytest.fixture
def database(emptied_database: Database) -> Database:
    return emptied_database


def waived(check: CheckName, expires: datetime = EXPIRES) -> dict[str, object]:
    return {"waivers": [{"check": check, "reason": "the nightly import", "expires": expires}]}


def at(now: datetime) -> Surroundings:
    return Surroundings(now)


async def test_a_waiver_opens_the_gate_until_the_moment_it_expires(profiles: Database) -> None:
    spec = spec_of(privileges=JUDGED, strategy=PATIENT, checks=waived(CheckName.LOCKS))
    with holding(profiles.connect(), CHANGE):
        wait_until_older_than(profiles, 1.0)
        before = await look(profiles, spec, surroundings=at(EXPIRES - timedelta(seconds=1)))
        after = await look(profiles, spec, surroundings=at(EXPIRES))
    said = next(one for one in before.findings if one.name is CheckName.LOCKS)
    assert said.result is CheckResult.WAIVED
    assert said.judgement.message.startswith(
        "waived until 2026-12-24 18:00:00 UTC: the nightly import; was Failed: 1 session holds a lock"
    )
    assert isinstance(before.gate, GateOpen)
    assert isinstance(outcome_of(before), Advance)
    assert isinstance(after.gate, GateClosed)
    outcome = outcome_of(after)
    assert isinstance(outcome, Wait)
    assert (
        "Locks: the waiver (the nightly import) expired at 2026-12-24 18:00:00 UTC; Failed" in outcome.message
    )


async def test_policies_that_hide_rows_cant_be_waived(profiles: Database) -> None:
    profiles.execute("""
        ALTER TABLE user_profiles ENABLE ROW LEVEL SECURITY;
        ALTER TABLE user_profiles FORCE ROW LEVEL SECURITY;
        CREATE POLICY few ON user_profiles USING (id < 5)
    """)
    found = await look(profiles, spec_of(privileges=JUDGED, checks=waived(CheckName.ROW_LEVEL_SECURITY)))
    said = next(one for one in found.findings if one.name is CheckName.ROW_LEVEL_SECURITY)
    assert said.result is CheckResult.FAILED
    assert said.judgement.message.startswith("the waiver does not count, for this can't be waived; Failed: ")


async def test_a_plan_with_another_waiver_has_another_hash(profiles: Database) -> None:
    plans = [
        (await look(profiles, spec_of(privileges=JUDGED, checks=checks))).plan
        for checks in ({}, waived(CheckName.MEMORY), waived(CheckName.MEMORY, EXPIRES + timedelta(days=1)))
    ]
    assert len({plan.hash for plan in plans if plan is not None}) == 3


def let_time_pass(database: Database, seconds: int) -> None:
    """The phase of the newest run began so many seconds earlier, as if it had waited since."""
    database.execute(
        f"UPDATE roleshift.migration_run SET phase_started_at = phase_started_at - interval '{seconds} s'"
    )


async def step_of(run: PhaseRun, phase: Phase) -> Outcome:
    return await (run.back_up() if phase is Phase.BACKING_UP else run.migrate())


@pytest.mark.parametrize("phase", [Phase.BACKING_UP, Phase.MIGRATING])
class TestAfterAWait:
    async def test_of_more_than_a_minute_the_checks_are_made_again_and_the_run_goes_on(
        self, profiles: Database, phase: Phase
    ) -> None:
        async with phases_on(profiles) as run:
            await run.until(phase)
            before = profiles.row_set_hash(TABLE)
            let_time_pass(profiles, 61)
            outcome = await step_of(run, phase)
            assert isinstance(outcome, Replan), outcome
            assert "61 s have passed since the last look at the database, more than 60" in outcome.message
            assert (run.run.phase, run.run.reason, run.run.active) == (Phase.CHECKING, Reason.CHECKING, False)
            assert profiles.row_set_hash(TABLE) == before
            await run.until(Phase.DONE)

    async def test_of_less_they_are_not(self, profiles: Database, phase: Phase) -> None:
        async with phases_on(profiles) as run:
            await run.until(phase)
            let_time_pass(profiles, 50)
            assert isinstance(await step_of(run, phase), Advance)

    async def test_what_came_into_the_way_meanwhile_closes_the_gate(
        self, profiles: Database, phase: Phase
    ) -> None:
        async with phases_on(profiles, spec_of(strategy=PATIENT)) as run:
            await run.until(phase)
            let_time_pass(profiles, 3600)
            with holding(profiles.connect(), CHANGE):
                wait_until_older_than(profiles, 1.0)
                assert isinstance(await step_of(run, phase), Replan)
                outcome = await run.check()
                assert isinstance(outcome, Wait), outcome
                assert outcome.reason is Reason.CHECKS_WAITING
            await run.until(Phase.DONE)

    async def test_a_waiver_that_expired_meanwhile_counts_no_more(
        self, profiles: Database, phase: Phase
    ) -> None:
        expires = datetime.now(UTC) + timedelta(days=1)
        clock = [expires - timedelta(hours=1)]
        checks = waived(CheckName.BACKUP_SPACE, expires)
        async with phases_on(profiles, spec_of(checks=checks)) as run:
            run.clock = lambda: clock[0]
            await run.until(phase)
            waived_then = run.judgement(CheckName.BACKUP_SPACE)
            assert waived_then.result is CheckResult.WAIVED
            clock[0] = expires
            let_time_pass(profiles, 3600)
            assert isinstance(await step_of(run, phase), Replan)
            await run.check()
            said = run.judgement(CheckName.BACKUP_SPACE)
            assert said.message.startswith("the waiver (the nightly import) expired at ")

    async def test_a_retry_is_no_wait_and_its_attempts_are_counted_on(
        self, profiles: Database, phase: Phase
    ) -> None:
        async with phases_on(profiles) as run:
            await run.until(phase)
            let_time_pass(profiles, 3600)
            profiles.execute("UPDATE roleshift.migration_run SET attempts = 1")
            await run.reload()
            assert isinstance(await step_of(run, phase), Advance)


class TestRolesThatChangeBetweenCheckingAndTheWrite:
    """New roles, cells and NULLs are in test_write.py."""

    @pytest.mark.parametrize("phase", [Phase.BACKING_UP, Phase.MIGRATING])
    async def test_too_few_left_is_found_under_the_lock_and_fails_by_name(
        self, profiles: Database, phase: Phase
    ) -> None:
        spec = spec_of(privileges={**JUDGED, "keepAtLeast": [{"role": "admin", "count": 10}]})
        async with phases_on(profiles, spec) as run:
            await run.until(phase)
            profiles.execute("DELETE FROM user_profiles WHERE id = 3")
            before = profiles.row_set_hash(TABLE)
            outcome = await step_of(run, phase)
            assert isinstance(outcome, Replan), outcome
            assert "fewer rows than demanded would be left: admin 9 of 10" in outcome.message
            outcome = await run.check()
            assert isinstance(outcome, Fail), outcome
            assert outcome.reason is Reason.TOO_FEW_LEFT
            assert profiles.row_set_hash(TABLE) == before

    @pytest.mark.parametrize("phase", [Phase.BACKING_UP, Phase.MIGRATING])
    async def test_a_new_escalation_is_found_under_the_lock_and_fails_by_name(
        self, profiles: Database, phase: Phase
    ) -> None:
        mappings = [{"from": "manager", "to": "lead"}, {"from": "lead", "to": "admin"}]
        spec = spec_of(mappings=mappings, unmappedRoles="Keep", privileges=JUDGED, checks={"minimumScore": 0})
        async with phases_on(profiles, spec) as run:
            await run.until(phase)
            profiles.execute("UPDATE user_profiles SET role = 'lead' WHERE id = 4")
            before = profiles.row_set_hash(TABLE)
            outcome = await step_of(run, phase)
            assert isinstance(outcome, Replan), outcome
            assert "lead → admin" in outcome.message
            outcome = await run.check()
            assert isinstance(outcome, Fail), outcome
            assert outcome.reason is Reason.ESCALATION_NOT_ALLOWED
            assert profiles.row_set_hash(TABLE) == before

    async def test_a_lower_count_changes_nothing_and_is_what_is_written(self, profiles: Database) -> None:
        async with phases_on(profiles) as run:
            await run.until(Phase.MIGRATING)
            profiles.execute("DELETE FROM user_profiles WHERE role = 'junior_dev'")
            assert isinstance(await run.migrate(), Advance)
            assert run.run.write is not None
            assert run.run.write.rows == 30
