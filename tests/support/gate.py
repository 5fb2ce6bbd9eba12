"""Holding a run at a chosen point by real means: a lock that its backend has to wait for."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager

from localenv.database import Database
from localenv.wait import wait_until

_WRITE, _VALIDATE, _SETTLE, _NOTE = 4711, 4712, 4713, 4714
_DEADLINE = 20.0

_INSTALL = f"""
    CREATE FUNCTION pass_gate() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock_shared({_WRITE});
        RETURN NEW;
    END $$;
    CREATE TRIGGER gate BEFORE UPDATE ON user_profiles FOR EACH ROW WHEN (NEW.id = %s)
        EXECUTE FUNCTION pass_gate();
    CREATE FUNCTION pass_gate_in_validating() RETURNS integer LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM roleshift.migration_run WHERE phase = 'Validating' AND active) THEN
            PERFORM pg_advisory_xact_lock_shared({_VALIDATE});
        END IF;
        RETURN 0;
    END $$;
"""

_WAITING = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = %s AND application_name LIKE 'roleshift/%%' AND wait_event_type = 'Lock'
"""

_INSTALL_ON_LEDGER = f"""
    CREATE FUNCTION roleshift.pass_gate() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock_shared({_SETTLE});
        RETURN NEW;
    END $$;
    CREATE TRIGGER gate BEFORE UPDATE ON roleshift.migration_run FOR EACH ROW
        WHEN (OLD.phase <> NEW.phase AND NEW.phase = '%s') EXECUTE FUNCTION roleshift.pass_gate();
"""

_INSTALL_ON_LOG = f"""
    CREATE FUNCTION roleshift.pass_gate_of_log() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock_shared({_NOTE});
        RETURN NEW;
    END $$;
    CREATE TRIGGER gate BEFORE INSERT ON roleshift.migration_execution_log FOR EACH ROW
        WHEN (NEW.step = '{{step}}' AND NEW.outcome = '{{outcome}}')
        EXECUTE FUNCTION roleshift.pass_gate_of_log();
"""

# Before the commit it passes.
SLOW_ASSERTION = {"name": "passes-the-gate", "query": "SELECT pass_gate_in_validating()", "expected": "0"}


class Gate:
    """A row in the middle of the sample table that can't be updated while the gate is closed."""

    def __init__(self, database: Database, row: int = 500) -> None:
        self._database = database
        database.execute(_INSTALL.replace("%s", str(row)))

    def closed(self) -> AbstractContextManager[None]:
        """Hold whoever updates that row until the block ends."""
        return self._taken(_WRITE)

    def closed_in_validating(self) -> AbstractContextManager[None]:
        """Hold whoever runs SLOW_ASSERTION after the commit until the block ends."""
        return self._taken(_VALIDATE)

    def closed_on_the_way_to(self, phase: str) -> AbstractContextManager[None]:
        """Hold whoever writes down that a run is in that phase now; what led to it is committed by then."""
        self._database.execute(_INSTALL_ON_LEDGER.replace("%s", phase))
        return self._taken(_SETTLE)

    def closed_on_the_note_of(self, step: str, outcome: str) -> AbstractContextManager[None]:
        """Hold whoever writes such a line of the execution log until the block ends."""
        self._database.execute(_INSTALL_ON_LOG.format(step=step, outcome=outcome))
        return self._taken(_NOTE)

    @contextmanager
    def _taken(self, key: int) -> Iterator[None]:
        with closing(self._database.admin()) as session:
            session.execute("SELECT pg_advisory_lock(%s)", [key])
            yield

    @contextmanager
    def locked(self, table: str, mode: str) -> Iterator[None]:
        """Hold whoever needs a table in a conflicting mode until the block ends.

        As the owner, whose transactions the run's role may see.
        """
        with closing(self._database.connect()) as session:
            session.execute(f"BEGIN; LOCK TABLE {table} IN {mode} MODE")
            yield

    def waiting(self) -> frozenset[int]:
        """The backends of runs that wait for a lock now."""
        with self._database.server.connect() as session:
            return frozenset(pid for (pid,) in session.execute(_WAITING, [self._database.name]))

    def wait_for_visitor(self, other_than: frozenset[int] = frozenset()) -> frozenset[int]:
        """Wait until a run is held; its backends. `other_than` have been seen before."""
        return wait_until(lambda: self.waiting() - other_than, _DEADLINE, "a run waits for what is held")
