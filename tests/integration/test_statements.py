"""Every .sql file is used, says what it locks, and can be planned as it is really composed and called.

Runs that between them use every statement are watched: what a session executes is explained first, with the
very parameters, and recognised by the text of the file that it was composed from.
"""

import re
from importlib.resources import files
from pathlib import Path
from unittest.mock import AsyncMock

import psycopg
import pytest

from localenv.database import Database
from roleshift.api import Phase
from roleshift.engine.outcome import Advance, Conclude, Undo, Wait
from roleshift.engine.retention import Removal
from roleshift.engine.run import LogOutcome
from roleshift.errors import DatabaseError, Reason
from roleshift.phases import backing_up, removing
from roleshift.postgres import (
    clone,
    fence,
    image_comment,
    ledger,
    neighbours,
    retention,
    rollback_log,
)
from roleshift.postgres.session import Params, Query, Session, Timeouts
from roleshift.postgres.statements import statement
from support.archives import archived, in_folder
from support.examinations import look
from support.migrations import SPEC
from support.run_phases import PhaseRun, phases_on, spec_of
from support.tables import create_user_profiles

FOLDER = Path(str(files("roleshift.postgres"))) / "sql"
SQL = {
    path.relative_to(FOLDER).with_suffix("").as_posix(): path.read_text() for path in FOLDER.rglob("*.sql")
}
BODIES = {name for name in SQL if name.startswith("functions/")}
"""Sources of functions; test_ledger_functions.py calls each."""
PARTS = {"database_identity"}
"""Parts of other statements."""
NO_PLAN = {
    "function_create": "a command without a plan",
    "ledger_version_1": "many statements",
    "ledger_version_2": "many statements",
    "ledger_version_3": "many statements",
    "ledger_version_4": "many statements",
    "ledger_version_5": "many statements",
    "lock_target": "a command without a plan",
    "vacuum": "a command without a plan",
    "rehearsal_lock": "a command without a plan",
}
"""What EXPLAIN has no word for."""
_PLACE = re.compile(r"\\\{\w+\\\}")


def pattern_of(text: str) -> re.Pattern[str]:
    """Recognises a statement that was composed from a file's text."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    return re.compile(_PLACE.sub("(?s:.*)", re.escape("\n".join(lines))))


PATTERNS = {name: pattern_of(text) for name, text in SQL.items() if name not in BODIES | PARTS}


class Watch:
    """Explains what sessions execute, and notes which files it came from."""

    def __init__(self) -> None:
        self.used: set[str] = set()
        self.explained: set[str] = set()

    async def explain(self, session: Session, query: Query, params: Params) -> None:
        """Have the server plan a statement as it is about to run."""
        text = query.as_string()
        names = {name for name, pattern in PATTERNS.items() if _is_said(name, pattern, text)}
        self.used |= names
        if not names or names & NO_PLAN.keys():
            return
        explaining = ("EXPLAIN (COSTS OFF) " + text).encode()
        async with session._connection.transaction():
            await session._connection.execute(explaining, {} if params is None else params)
        self.explained |= names


def _is_said(name: str, pattern: re.Pattern[str], text: str) -> bool:
    """Probes are asked many in one statement, parts stand in others; the rest are statements of their own."""
    inside = name.startswith(("probes/", "parts/")) and not text.startswith("EXPLAIN")
    return bool(pattern.search(text) if inside else pattern.fullmatch(text))


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Watches every session of the test."""
    watching, execute, attempt = Watch(), Session.execute, Session.attempt

    async def watched(self: Session, query: Query, params: Params = None) -> object:
        await watching.explain(self, query, params)
        return await execute(self, query, params)

    async def watched_attempt(self: Session, query: Query, params: Params, seconds: float) -> object:
        await watching.explain(self, query, params)
        return await attempt(self, query, params, seconds)

    monkeypatch.setattr(Session, "execute", watched)
    monkeypatch.setattr(Session, "attempt", watched_attempt)
    return watching


@pytest.mark.parametrize("name", SQL)
def test_a_file_begins_with_what_it_locks_and_costs(name: str) -> None:
    assert SQL[name].startswith("-- ")
    assert len(SQL[name].splitlines()[0]) > 20


async def test_every_file_is_used_and_can_be_planned(
    database: Database, watch: Watch, tmp_path: Path
) -> None:
    create_user_profiles(database, 40)
    await look(database, spec_of(target={"table": "user_profile"}))
    await look(database, uri=database.admin_uri)  # only such a role may read the server's files
    await _invalid_index(database)
    await _role_in_keys(database)
    await _look_with_everything_beside(database)
    await _done_and_back(database)
    await _untouched(database)
    await _merged_and_parked(database)
    await _array(database)
    await _role_in_key(database)
    await _decided(database)
    await _archived(database, tmp_path)
    await _cancelled(database)
    await _beside_others(database)
    await _planned_anew(database)
    await _taken_over(database)
    await _rehearsed(database)
    assert SQL.keys() - watch.used - BODIES - PARTS == set()
    assert SQL.keys() - watch.explained - BODIES - PARTS == NO_PLAN.keys()


async def _invalid_index(database: Database) -> None:
    """A look at a table with a unique index that could not be built."""
    with pytest.raises(psycopg.errors.UniqueViolation):
        database.execute("CREATE UNIQUE INDEX CONCURRENTLY in_vain ON user_profiles (role)")
    await look(database)
    database.execute("DROP INDEX in_vain")


async def _role_in_keys(database: Database) -> None:
    """A look at a table whose role another one refers to, and an index's predicate reads."""
    database.execute("""
        CREATE UNIQUE INDEX one_boss ON user_profiles (id) WHERE role = 'lead';
        ALTER TABLE user_profiles ADD CONSTRAINT referred UNIQUE (id, role);
        CREATE TABLE holders (id bigint, role user_role,
            FOREIGN KEY (id, role) REFERENCES user_profiles (id, role));
    """)
    await look(database)
    database.execute(
        "DROP TABLE holders; DROP INDEX one_boss; ALTER TABLE user_profiles DROP CONSTRAINT referred"
    )


async def _look_with_everything_beside(database: Database) -> None:
    """A look at a database that has a ledger, and pg_cron's table as that extension makes it."""
    with database.admin() as admin:
        admin.execute("""
            CREATE SCHEMA cron;
            GRANT USAGE ON SCHEMA cron TO public;
            CREATE TABLE cron.job (
                jobid bigserial PRIMARY KEY, schedule text, command text, nodename text, nodeport int,
                database text, username text, active boolean, jobname text
            );
            GRANT SELECT ON cron.job TO public
        """)
    async with phases_on(database, name="beside"):
        await look(database)


async def _done_and_back(database: Database) -> None:
    """A run with a foreign key, an assignment, changes in between, conflicts and a request."""
    database.execute("""
        CREATE UNIQUE INDEX ON user_profiles (email, role);
        CREATE TABLE roles (name user_role PRIMARY KEY);
        INSERT INTO roles SELECT unnest(enum_range(NULL::user_role));
        ALTER TABLE user_profiles ADD FOREIGN KEY (role) REFERENCES roles;
        CREATE TABLE role_assignments (user_id bigint, role text);
    """)
    assignments = [{"table": "role_assignments", "userColumn": "user_id", "roleColumn": "role"}]
    mappings = [{"from": "junior_dev", "to": "developer"}, {"from": "manager", "to": "lead"}]
    spec = spec_of(target={"assignments": assignments}, mappings=mappings, unmappedRoles="Keep")
    async with phases_on(database, spec) as run:
        await run.until(Phase.MIGRATING)
        await run.latch_approval("kim", "")
        database.execute("UPDATE user_profiles SET note = 'new' WHERE id = 4")
        await fence.lock_target(run.control, 4711)
        await fence.must_be_alone(run.control, run.run)
        await run.until(Phase.DONE)
        database.execute("UPDATE user_profiles SET role = 'admin' WHERE id = 8")
        await run.latch_rollback("kim", "")
        assert isinstance(await run.roll_back(), Advance)


async def _untouched(database: Database) -> None:
    """Old roles from where the table notes them, and from the image where something stood there before."""
    for name, noted in (("from notes", "NULL"), ("from the image", "'admin'")):
        database.execute(
            "DROP TABLE IF EXISTS untouched; CREATE TABLE untouched "
            f"AS SELECT 1 AS id, 'b' AS role, {noted}::text AS previous_role; "
            "ALTER TABLE untouched ADD PRIMARY KEY (id)"
        )
        target = {"table": "untouched", "columns": {"seniority": "", "migratedAt": ""}}
        spec = spec_of(target=target, mappings=[{"from": "b", "to": "c"}])
        async with phases_on(database, spec, name=name.replace(" ", "-")) as run:
            await run.until(Phase.DONE)
            await run.roll_back()


async def _merged_and_parked(database: Database) -> None:
    """A run and its rollback with a circle, rows that become equal, and a lookup table."""
    database.execute("""
        CREATE TABLE names (id int PRIMARY KEY, name text);
        INSERT INTO names VALUES (1, 'a'), (2, 'b'), (3, 'c');
        CREATE TABLE members (id int PRIMARY KEY, person int, role int, UNIQUE (person, role));
        INSERT INTO members VALUES (1, 1, 1), (2, 1, 2), (3, 1, 3), (4, 2, 1);
    """)
    target = {
        "table": "members",
        "onDuplicate": "Merge",
        "lookup": {"table": "names", "keyColumn": "id", "nameColumn": "name"},
        "columns": {"previousRole": "", "seniority": "", "migratedAt": ""},
    }
    mappings = [{"from": a, "to": b} for a, b in (("a", "b"), ("b", "a"), ("c", "a"))]
    base = {"connection": SPEC["connection"], "mappings": mappings}
    spec = spec_of(base, target=target, checks={"minimumScore": 0})
    async with phases_on(database, spec, name="merged") as run:
        await run.until(Phase.DONE)
        await look(database, spec)
        assert isinstance(await run.roll_back(), Advance)


async def _array(database: Database) -> None:
    """A run and its rollback with nothing between."""
    database.execute("CREATE TABLE several (id int PRIMARY KEY, role text[])")
    database.execute("INSERT INTO several VALUES (1, '{a,b}')")
    target = {"table": "several", "columns": {"previousRole": "", "seniority": "", "migratedAt": ""}}
    base = {"connection": SPEC["connection"], "mappings": [{"from": "a", "to": "c"}]}
    spec = spec_of(base, target=target, unmappedRoles="Keep", checks={"minimumScore": 0})
    async with phases_on(database, spec, name="array") as run:
        await run.until(Phase.DONE)
        assert isinstance(await run.roll_back(), Advance)


async def _role_in_key(database: Database) -> None:
    """A run whose key holds the role, and its rollback after somebody changed a row."""
    database.execute("CREATE TABLE held (person int, role text, note text, PRIMARY KEY (person, role))")
    database.execute("INSERT INTO held VALUES (1, 'a'), (2, 'a')")
    target = {"table": "held", "columns": {"previousRole": "note", "seniority": "", "migratedAt": ""}}
    base = {"connection": SPEC["connection"], "mappings": [{"from": "a", "to": "b"}]}
    spec = spec_of(base, target=target, unmappedRoles="Keep", checks={"minimumScore": 0})
    async with phases_on(database, spec, name="held") as run:
        await run.until(Phase.DONE)
        database.execute("UPDATE held SET note = 'changed' WHERE person = 1")
        assert isinstance(await run.roll_back(), Advance)


async def _decided(database: Database) -> None:
    """A run that waits for a decision, is verified again, and accepted."""
    waits = Wait(Reason.AWAITING_DECISION, "a person decides")
    database.execute("CREATE TABLE users (id int PRIMARY KEY, role text); INSERT INTO users VALUES (1, 'a')")
    target = {"table": "users", "columns": {"previousRole": "", "seniority": "", "migratedAt": ""}}
    base = {"connection": SPEC["connection"], "mappings": [{"from": "a", "to": "b"}]}
    async with phases_on(
        database, spec_of(base, target=target, checks={"minimumScore": 0}), name="decided"
    ) as run:
        await run.until(Phase.VALIDATING)
        await run.settle(waits)
        await ledger.latch_resume(run.control, run.run, "again")
        await run.settle(waits)
        await ledger.latch_acceptance(run.control, run.run, "yes", "kim", "known")


async def _archived(database: Database, folder: Path) -> None:
    """A run with an archive; a row changes before the write."""
    database.execute("CREATE TABLE kept (id int PRIMARY KEY, role text); INSERT INTO kept VALUES (1, 'b')")
    store = in_folder(folder)
    target = {"table": "kept", "columns": {"previousRole": "", "seniority": "", "migratedAt": ""}}
    base = {"connection": SPEC["connection"], "mappings": [{"from": "b", "to": "c"}]}
    spec = archived(store, base, target=target, checks={"minimumScore": 0})
    async with phases_on(database, spec, name="archived") as run:
        run.store = store
        await run.until(Phase.MIGRATING)
        database.execute("INSERT INTO kept VALUES (2, 'b')")
        await run.until(Phase.DONE)
        await retention.set_expiry(run.control, run.run, 0)
        await retention.overdue(run.control, run.run.identity.cluster_uid)
        for backup in await retention.of_object(run.control, run.run.identity):
            await removing.remove(run.control, backup, Removal.EXPIRED, AsyncMock())
        await ledger.record(run.control, run.run, ledger.Documents(reported="told"))
        await rollback_log.conflicts_of(run.control, run.run, 1000)
        await image_comment.commented_images(run.control)


async def _cancelled(database: Database) -> None:
    async with phases_on(database, name="cancelled") as run:
        await run.until(Phase.MIGRATING)
        assert isinstance(await run.cancel(), Undo)


async def _beside_others(database: Database) -> None:
    """A run that looks for later ones, and for copied ones that are in its way."""
    async with phases_on(database, name="beside-others") as run:
        await neighbours.newer(run.control, run.run)
        database.execute("UPDATE roleshift.migration_run SET database_identity = 'another' WHERE active")
        async with run.control.transaction(Timeouts()):
            await neighbours.forget_copied(run.control, run.run.identity, 4711, "kim")


async def _taken_over(database: Database) -> None:
    """A run whose COMMIT was announced and whose holder is gone."""
    async with phases_on(database, name="taken-over") as first:
        await first.until(Phase.BACKING_UP)
        await _announce(first)
    async with phases_on(database, name="taken-over") as second, second.control.transaction(Timeouts()):
        await fence.hold(second.control, second.run)


async def _planned_anew(database: Database) -> None:
    """A run that has carried out a schema statement, and comes to it again."""
    spec = spec_of(target={"columns": {"previousRole": "former_role"}}, schemaChanges="AddMissing")
    async with phases_on(database, spec, name="anew") as run:
        await run.until(Phase.MIGRATING)
        assert isinstance(await backing_up.run(run.context), Advance)
        await run.cancel()


async def _rehearsed(database: Database) -> None:
    """A rehearsal that adds a column, with a constraint that waits for the end; and no clone."""
    database.execute("CREATE TABLE late (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    spec = spec_of(
        target={"columns": {"seniority": "added"}},
        unmappedRoles="Keep",
        mode="Rehearse",
        schemaChanges="AddMissing",
        checks={"minimumScore": 0},
    )
    async with phases_on(database, spec, name="rehearsed") as run:
        assert isinstance(await run.rehearse(), Conclude)
        assert await ledger.knows(run.control, run.run.run_id)
        with pytest.raises(DatabaseError, match="CREATEDB"):
            await clone.origin_of(run.control)


async def _announce(run: PhaseRun) -> None:
    async with run.work.transaction(Timeouts()):
        row = await run.work.row(statement("current_transaction"))
        line = ledger.LogLine(Phase.MIGRATING, LogOutcome.COMMITTING, xid=row["xid"])
        await ledger.append(run.control, run.run, line)
