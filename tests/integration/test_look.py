"""A look at a database: few round trips, and one probe that fails spoils no other."""

import tempfile
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from localenv.database import Database
from roleshift.api import Phase
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.look import Facts
from roleshift.engine.facts.table import MissingTarget
from roleshift.engine.target import TargetFacts
from roleshift.errors import DatabaseError, Reason
from roleshift.phases.examination import wanted_of
from roleshift.postgres.probes.batch import Probe, Rows, ask
from roleshift.postgres.probes.look import look
from roleshift.postgres.session import Access, Isolation, Session, Timeouts
from roleshift.postgres.statements import trusted
from support.run_phases import phases_on, session_on, spec_of
from support.tables import create_user_profiles

MOST_ROUND_TRIPS = 8
LIMITS = Timeouts(1.0, 5.0)


@pytest.fixture
def profiles(database: Database) -> Database:
    create_user_profiles(database, 8)
    return database


async def looked(database: Database, **changes: Any) -> tuple[Facts, int]:
    """The facts, and how often the session waited for the server: libpq's own trace tells."""
    session = await session_on(database.uri)
    try:
        with tempfile.NamedTemporaryFile() as trace:
            session._connection.pgconn.trace(trace.fileno())
            facts = await look(session, wanted_of(spec_of(**changes)))
            session._connection.pgconn.untrace()
            return facts, _round_trips(trace.name)
    finally:
        await session.close()


def _round_trips(trace_file: str) -> int:
    """How often the client spoke after it had listened; a line is time, side (F or B), message."""
    sides = [
        fields[1] for line in Path(trace_file).read_text().splitlines() if len(fields := line.split("\t")) > 2
    ]
    return sum(side == "F" for side, _ in groupby(side for side in sides if side in "FB"))


async def test_all_facts_take_at_most_eight_round_trips(profiles: Database) -> None:
    facts, trips = await looked(profiles)
    assert not isinstance(facts.locks, ProbeFailure)
    assert 3 < trips <= MOST_ROUND_TRIPS


async def test_so_do_those_of_a_database_with_a_ledger(profiles: Database) -> None:
    async with phases_on(profiles, name="earlier") as run:
        await run.until(Phase.DONE)
    for table, found in (("user_profiles", TargetFacts), ("user_profile", MissingTarget)):
        facts, trips = await looked(profiles, target={"table": table})
        assert isinstance(facts.target, found)
        assert not isinstance(facts.backup.ledger, ProbeFailure)
        assert facts.backup.ledger.version is not None
        assert 3 < trips <= MOST_ROUND_TRIPS


async def test_so_do_those_of_a_table_that_is_not_there(profiles: Database) -> None:
    facts, trips = await looked(profiles, target={"table": "user_profile"})
    assert isinstance(facts.target, MissingTarget)
    assert facts.target.similar == ("public.user_profiles",)
    assert 3 < trips <= MOST_ROUND_TRIPS


async def test_so_do_those_of_a_lock_whose_age_is_hidden(profiles: Database) -> None:
    with profiles.admin() as other, other.transaction(force_rollback=True):
        other.execute("LOCK user_profiles IN ROW EXCLUSIVE MODE")
        facts, trips = await looked(profiles)
    assert not isinstance(facts.locks, ProbeFailure)
    assert [one.seconds for one in facts.locks.blocking] == [None]
    assert trips <= MOST_ROUND_TRIPS, trips


async def test_so_do_those_of_values_that_a_column_refuses(profiles: Database) -> None:
    profiles.execute("ALTER TABLE user_profiles ALTER COLUMN seniority_level TYPE varchar(2)")
    facts, trips = await looked(profiles)
    assert not isinstance(facts.refused, ProbeFailure)
    assert {one.column for one in facts.refused} == {"seniority_level"}
    assert trips <= MOST_ROUND_TRIPS


def _probe(name: str, query: str) -> Probe[Rows]:
    return Probe(name, trusted(query), lambda rows: rows)


async def _asked(session: Session, *probes: Probe[Rows]) -> list[Rows | ProbeFailure]:
    async with session.transaction(LIMITS, Isolation.REPEATABLE_READ, Access.READ_ONLY):
        answers = await ask(session, probes, LIMITS.statement_seconds)
    return [answers.of(probe) for probe in probes]


async def test_a_probe_that_fails_leaves_the_others_their_answers(database: Database) -> None:
    session = await session_on(database.uri)
    try:
        one, denied, other = await _asked(
            session,
            _probe("one", "SELECT 1 AS n UNION ALL SELECT 2"),
            _probe("denied", "SELECT * FROM pg_catalog.pg_authid"),
            _probe("other", "SELECT 3 AS n WHERE false"),
        )
    finally:
        await session.close()
    assert one == [{"n": 1}, {"n": 2}]
    assert isinstance(denied, ProbeFailure)
    assert denied.reason is Reason.PERMISSION_DENIED
    assert other == []


async def test_a_slow_probe_is_ended_by_its_own_limit(database: Database) -> None:
    session = await session_on(database.uri)
    try:
        async with session.transaction(LIMITS):
            answers = await ask(session, [slow := _probe("slow", "SELECT pg_sleep(20) IS NULL AS n")], 0.2)
            found = answers.of(slow)
            assert (await session.row(trusted("SELECT 1 AS alive")))["alive"] == 1
    finally:
        await session.close()
    assert isinstance(found, ProbeFailure)
    assert found.reason is Reason.STATEMENT_TIMEOUT


async def test_a_connection_that_is_cut_is_an_error_and_no_fact(database: Database) -> None:
    session = await session_on(database.uri)
    try:
        with pytest.raises(DatabaseError) as raised:
            await _asked(session, _probe("last", "SELECT pg_terminate_backend(pg_backend_pid()) AS n"))
    finally:
        await session.close()
    assert raised.value.reason is Reason.CONNECTION_LOST
    assert raised.value.retryable
