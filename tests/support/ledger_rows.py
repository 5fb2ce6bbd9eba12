"""The ledger as a test reads it, and whether it agrees with an object's status."""

import asyncio
from collections.abc import Mapping
from typing import Any

from psycopg.rows import dict_row

from localenv.database import Database
from roleshift.engine.connection import ConnectionParameters
from roleshift.postgres import ledger_schema
from roleshift.postgres.connect import Purpose, session

_RUN = "SELECT * FROM roleshift.migration_run ORDER BY created_at DESC, attempt DESC LIMIT 1"
_OLDER = (
    "UPDATE roleshift.migration_run SET phase_started_at = phase_started_at - %s * interval '1 minute'"
    " WHERE run_id = %s"
)
_LOG = "SELECT * FROM roleshift.migration_execution_log WHERE run_id = %s ORDER BY id"
_MAKE_OLDER = """
    DROP FUNCTION roleshift.restore_run, roleshift.validate_run, roleshift.run_parts;
    DROP TABLE roleshift.migration_validation_functions;
    ALTER TABLE roleshift.migration_run
        DROP approved_hash, DROP approved_at, DROP approved_by, DROP approval_reason, DROP approved_plan,
        DROP carried_hash, DROP forget_token, DROP forgotten_at, DROP forgotten_by, DROP mode,
        DROP resume_token, DROP accept_token, DROP accepted_at, DROP accepted_by, DROP acceptance_reason,
        DROP reported;
    ALTER TABLE roleshift.migration_backup
        DROP manifest_sha256, DROP covers_write, DROP removed_at, DROP removal_reason;
    ALTER TABLE roleshift.migration_rollback_log DROP on_conflict, DROP found;
    ALTER TABLE roleshift.migration_execution_log
        DROP work_seconds, DROP lock_seconds, DROP wal_bytes, DROP wal_of, DROP schema_change;
    DELETE FROM roleshift.ledger_version WHERE version > 1;
    DO $$
    DECLARE
        kept record;
        hashed text;
    BEGIN
        FOR kept IN SELECT name FROM roleshift.migration_backup LOOP
            EXECUTE format('ALTER TABLE roleshift.%I DROP to_role, DROP to_seniority', kept.name);
            SELECT string_agg(format('i.%I', attname), ', ' ORDER BY attnum) INTO hashed
            FROM pg_attribute WHERE attrelid = to_regclass(format('roleshift.%I', kept.name))
                AND attnum > 0 AND NOT attisdropped;
            EXECUTE format('UPDATE roleshift.migration_backup SET checksum = (
                SELECT sum(hashtextextended(ROW(%s)::text, 0)::numeric)::text FROM roleshift.%I AS i)',
                hashed, kept.name);
        END LOOP;
    END $$;
"""
_IMAGES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'roleshift' AND tablename ~ '^migration_backup_'"


def make_older(database: Database, *, as_admin: bool = False) -> None:
    """A ledger as version 1 left it."""
    with database.admin() if as_admin else database.connect() as session:
        session.execute(_MAKE_OLDER)


class LedgerRows:
    """The rows of the newest run of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def install(self) -> None:
        """Create an empty ledger as the operator would."""
        asyncio.run(self._install())

    async def _install(self) -> None:
        purpose = Purpose("test", "test", "", "public")
        async with session(ConnectionParameters(uri=self._database.uri), purpose) as opened:
            await ledger_schema.ensure(opened)

    @property
    def run(self) -> dict[str, Any]:
        """The newest run, {} where there is none."""
        with self._database.admin() as admin:
            if admin.execute("SELECT to_regclass('roleshift.migration_run')").fetchone() == (None,):
                return {}
            return admin.cursor(row_factory=dict_row).execute(_RUN).fetchone() or {}

    @property
    def phase(self) -> str:
        """The phase of the newest run, "" where there is none."""
        return str(self.run.get("phase", ""))

    def takeover_after(self, seen: int) -> int:
        """How often runs were taken over, 0 unless that is more than what was seen before."""
        with self._database.admin() as admin:
            row = admin.execute("SELECT coalesce(sum(epoch), 0)::int FROM roleshift.migration_run").fetchone()
        return row[0] if row and row[0] > seen else 0

    @property
    def log(self) -> list[dict[str, Any]]:
        """The execution log of the newest run, in order."""
        with self._database.admin() as admin:
            return admin.cursor(row_factory=dict_row).execute(_LOG, [self.run["run_id"]]).fetchall()

    @property
    def images(self) -> int:
        """How many images stand in the ledger's schema."""
        return int(self._database.query(_IMAGES)[0][0])

    def make_phase_older(self, minutes: int) -> None:
        """Let the newest run have come into its phase so long ago."""
        with self._database.admin() as admin:
            admin.execute(_OLDER, [minutes, self.run["run_id"]])

    def logged(self, step: str, outcome: str) -> int:
        """How many lines say that of the newest run."""
        return sum(line["step"] == step and line["outcome"] == outcome for line in self.log)

    def assert_agrees(self, status: Mapping[str, Any]) -> None:
        """Status and ledger tell the same, and the ledger tells it in order."""
        run, log = self.run, self.log
        assert (status["runID"], status["phase"]) == (str(run["run_id"]), run["phase"]), (status, run)
        assert not run["active"]
        epochs = [line["epoch"] for line in log]
        assert epochs == sorted(epochs), "an older holder wrote after a newer one"
        assert max(epochs, default=0) <= run["epoch"]
        assert self.logged("Migrating", "Succeeded") <= 1
        assert self.logged("RollingBack", "Succeeded") <= 1
