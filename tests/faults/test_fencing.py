"""An old leader that wakes after it was replaced writes nothing: no row, no line of the ledger, no status."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from psycopg import sql

from conftest import StartOperator
from localenv.database import Database
from localenv.wait import wait_until
from roleshift.api import Phase
from roleshift.engine.identity import RunIdentity
from roleshift.engine.run import LogOutcome, RunRecord
from roleshift.errors import DatabaseError, FencedError, Reason
from roleshift.postgres import fence, ledger, ledger_schema
from roleshift.postgres.probes.server import server_facts
from roleshift.postgres.session import Session, Timeouts
from support.run_phases import session_on
from support.stage import CATCH_UP_SECONDS, QUICK_LEASE, Stage

IDENTITY = RunIdentity("cluster", "people", "seniority", "sha256:spec")
WAITS = sql.SQL("SELECT wait_event_type = 'Lock' IS TRUE AS waits FROM pg_stat_activity WHERE pid = %(pid)s")
SHORT = Timeouts(lock_seconds=0.3, statement_seconds=10)


@pytest.fixture
def starting(start_operator: StartOperator) -> StartOperator:
    """Each test has operators of its own."""
    return start_operator


ALSO = pytest.mark.long


@pytest.mark.parametrize(
    "phase", ["Migrating", pytest.param("Validating", marks=ALSO), pytest.param("RollingBack", marks=ALSO)]
)
def test_a_paused_leader_that_was_replaced_writes_nothing_when_it_wakes(stage: Stage, phase: str) -> None:
    old = stage.start(identity="old", arguments=QUICK_LEASE)
    with stage.held_in(phase):
        old.pause()
        new = stage.start(identity="new", arguments=QUICK_LEASE)
        stage.gate.wait_for_visitor()
    if phase == "RollingBack":
        ended = stage.assert_rolled_back(updates=2)
    else:
        ended = stage.assert_done()
    epoch, lines = stage.ledger.run["epoch"], len(stage.ledger.log)
    old.resume()
    wait_until(lambda: _lost_the_lease(old.log_events()), CATCH_UP_SECONDS, "the old leader notices")
    assert stage.ledger.run["epoch"] == epoch
    assert len(stage.ledger.log) == lines
    assert stage.ledger.run["holder"] == "new"
    assert stage.migration.status == ended
    assert old.running
    assert new.running
    assert ended["phase"] not in {event.get("phase") for event in old.log_events()}


@pytest.mark.long
def test_the_replaced_leader_takes_over_again_when_the_new_one_is_gone(stage: Stage) -> None:
    old = stage.start(identity="old", arguments=QUICK_LEASE)
    with stage.held_in("Migrating") as first:
        old.pause()
        new = stage.start(identity="new", arguments=QUICK_LEASE)
        second = stage.gate.wait_for_visitor(other_than=first)
        old.resume()
        wait_until(lambda: _lost_the_lease(old.log_events()), CATCH_UP_SECONDS, "the old leader notices")
        new.kill9()
        stage.gate.wait_for_visitor(other_than=first | second)
    stage.assert_done()
    assert stage.ledger.run["holder"] == "old"


def test_two_operators_of_one_name_never_write_a_row_twice(stage: Stage) -> None:
    """Somebody scaled by hand: both hold the Lease, and only the ledger keeps them apart."""
    stage.start(identity="twin")
    stage.start(identity="twin")
    stage.apply()
    stage.assert_done(deadline=30)


@pytest.mark.long
def test_an_operator_whose_run_was_taken_over_says_so_and_looks_again(stage: Stage) -> None:
    operator = stage.start()
    with stage.held_in("Checking"):
        stage.database.execute("UPDATE roleshift.migration_run SET epoch = epoch + 1")
    wait_until(lambda: _says_fenced(operator.log_events()), CATCH_UP_SECONDS, "it says that it is fenced")
    stage.assert_done()


def _says_fenced(events: list[dict[str, Any]]) -> bool:
    return any(event.get("reason") == "Fenced" and event.get("run_id") for event in events)


def _lost_the_lease(events: list[dict[str, Any]]) -> bool:
    return any(event.get("event") == "lease lost or given back" for event in events)


# The same with sessions alone, to the statement


@dataclass
class Ledger:
    """A run in a ledger, and sessions that claim it one after the other."""

    open: Callable[[], Awaitable[Session]]

    async def claimed(self, holder: str) -> tuple[Session, RunRecord]:
        """A new session that took the run over."""
        taking = await self.open()
        known = await ledger.find(taking, IDENTITY)
        assert known is not None
        return taking, await fence.claim(taking, known, holder, [taking.backend])


@asynccontextmanager
async def ledger_with_a_run(database: Database) -> AsyncIterator[Ledger]:
    async with AsyncExitStack() as opened:

        async def open_one() -> Session:
            one = await session_on(database.uri)
            opened.push_async_callback(one.close)
            return one

        first = await open_one()
        await ledger_schema.ensure(first)
        run_id = "00000000-0000-4000-8000-000000000001"
        await insert(first, run_id, IDENTITY)
        yield Ledger(open_one)


async def insert(session: Session, run_id: str, identity: RunIdentity) -> None:
    """A run that is made in the session's database."""
    made_in = (await server_facts(session)).database_identity
    await ledger.insert(session, ledger.NewRun(run_id, identity, "manifest", 1, "uid", made_in))


async def test_a_session_with_an_old_epoch_is_fenced(database: Database) -> None:
    async with ledger_with_a_run(database) as runs:
        _, old = await runs.claimed("old")
        new_session, new = await runs.claimed("new")
        assert new.epoch == old.epoch + 1
        survivor = await runs.open()
        with pytest.raises(FencedError):
            async with survivor.transaction(SHORT):
                await fence.check_epoch(survivor, old)
        async with new_session.transaction(SHORT):
            await fence.check_epoch(new_session, new)


async def test_a_session_with_an_old_epoch_writes_no_line_of_the_ledger(database: Database) -> None:
    move = ledger.Move(Phase.FAILED, Reason.DATABASE_ERROR, "late", active=False, ended=True)
    line = ledger.LogLine(Phase.MIGRATING, LogOutcome.COMMITTING, xid=1)
    async with ledger_with_a_run(database) as runs:
        _, old = await runs.claimed("old")
        new_session, new = await runs.claimed("new")
        survivor = await runs.open()
        with pytest.raises(FencedError):
            await ledger.move(survivor, old, move)
        with pytest.raises(FencedError):
            await ledger.record(survivor, old, ledger.Documents(target_name="late"))
        with pytest.raises(FencedError):
            await ledger.append(survivor, old, line)
        with pytest.raises(FencedError):
            await ledger.latch_rollback(survivor, old, "late", "late")
        assert await ledger.find(new_session, IDENTITY) == new


async def test_a_take_over_ends_the_backend_that_the_ledger_records(database: Database) -> None:
    async with ledger_with_a_run(database) as runs:
        old_session, old = await runs.claimed("old")
        await runs.claimed("new")
        with pytest.raises(DatabaseError) as lost:
            await fence.check_epoch(old_session, old)
        assert lost.value.reason is Reason.CONNECTION_LOST
        assert not old_session.is_usable


async def test_a_take_over_waits_for_a_writer_that_it_cannot_end(database: Database) -> None:
    async with ledger_with_a_run(database) as runs:
        _, old = await runs.claimed("old")
        writer, taker = await runs.open(), await runs.open()
        async with writer.transaction(SHORT):
            await fence.check_epoch(writer, old)
            taking = asyncio.create_task(fence.claim(taker, old, "new", [taker.backend]))
            await until_waiting(writer, taker)
            line = ledger.LogLine(Phase.MIGRATING, LogOutcome.SUCCEEDED, xid=1, written_at=old.created_at)
            await ledger.append(writer, old, line)
        taken = await taking
        assert taken.epoch == old.epoch + 1
        assert taken.write is not None, "what was committed before the take-over is seen by it"


async def test_a_take_over_gives_up_on_a_writer_that_does_not_end(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fence, "_CLAIM_TIMEOUTS", SHORT)
    async with ledger_with_a_run(database) as runs:
        _, old = await runs.claimed("old")
        writer, taker = await runs.open(), await runs.open()
        async with writer.transaction(SHORT):
            await fence.check_epoch(writer, old)
            with pytest.raises(DatabaseError) as waited:
                await fence.claim(taker, old, "new", [taker.backend])
        assert waited.value.reason is Reason.LOCK_TIMEOUT
        assert waited.value.retryable
        assert await ledger.find(taker, IDENTITY) == old


async def test_two_writers_of_one_epoch_do_not_wait_for_each_other(database: Database) -> None:
    async with ledger_with_a_run(database) as runs:
        one, run = await runs.claimed("only")
        other = await runs.open()
        async with one.transaction(SHORT), other.transaction(SHORT):
            await fence.check_epoch(one, run)
            await fence.check_epoch(other, run)


async def test_a_run_is_not_settled_while_a_writer_of_it_is_under_way(database: Database) -> None:
    async with ledger_with_a_run(database) as runs:
        control, run = await runs.claimed("only")
        writer = await runs.open()
        async with writer.transaction(SHORT):
            await fence.check_epoch(writer, run)
            with pytest.raises(DatabaseError) as waited:
                async with control.transaction(SHORT):
                    await fence.hold(control, run)
            assert waited.value.reason is Reason.LOCK_TIMEOUT
        async with control.transaction(SHORT):
            assert await fence.hold(control, run) == run


async def test_one_table_has_one_lock(database: Database) -> None:
    async with ledger_with_a_run(database) as runs:
        first, second = await runs.open(), await runs.open()
        await fence.lock_target(first, 4711)
        await fence.lock_target(second, 4712)
        with pytest.raises(DatabaseError) as refused:
            await fence.lock_target(second, 4711)
        assert refused.value.reason is Reason.ANOTHER_RUN_ACTIVE


async def test_a_run_is_told_which_other_one_occupies_its_table(database: Database) -> None:
    occupies = ledger.Move(Phase.VALIDATING, Reason.VALIDATING, "", active=True, ended=False)
    rival = replace(IDENTITY, name="rival")
    async with ledger_with_a_run(database) as runs:
        first, run = await runs.claimed("only")
        await ledger.record(first, run, ledger.Documents(target_oid=4711, target_name="public.people"))
        await ledger.move(first, run, occupies)
        await fence.must_be_alone(first, run)
        run_id = "00000000-0000-4000-8000-000000000002"
        await insert(first, run_id, rival)
        other = await ledger.find(first, rival)
        assert other is not None
        await ledger.record(first, other, ledger.Documents(target_oid=4711, target_name="public.people"))
        other = await ledger.find(first, rival)
        assert other is not None
        with pytest.raises(DatabaseError, match=r"people/seniority is active on public\.people") as refused:
            await fence.must_be_alone(first, other)
        assert (refused.value.reason, refused.value.retryable) == (Reason.ANOTHER_RUN_ACTIVE, True)
        with pytest.raises(DatabaseError) as refused:
            await ledger.move(first, other, occupies)
        assert (refused.value.reason, refused.value.retryable) == (Reason.ANOTHER_RUN_ACTIVE, True)


async def until_waiting(looking: Session, waiting: Session) -> None:
    """Return when a session waits for a lock, as another one sees it."""
    async with asyncio.timeout(CATCH_UP_SECONDS):
        while not (await looking.row(WAITS, {"pid": waiting.backend.pid}))["waits"]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
