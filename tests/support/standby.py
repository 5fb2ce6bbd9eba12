"""A hot standby of a server, made by pg_basebackup and streaming from it: for lag, slots and recovery."""

import subprocess
from collections.abc import Mapping

from localenv.postgres import PostgresServer
from localenv.wait import wait_until

_SECONDS = 30.0


class StandbyServer(PostgresServer):
    """A physical standby; a context manager as every server is. The primary has to outlive it."""

    def __init__(
        self,
        primary: PostgresServer,
        name: str = "standby",
        *,
        slot: str = "",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare a standby; nothing runs yet.

        Args:
            primary: a running server.
            name: how the primary lists it in pg_stat_replication.
            slot: a physical slot that the standby creates on the primary and streams from; "" for none.
            settings: as for a server, for instance recovery_min_apply_delay.
        """
        super().__init__(primary.version, settings)
        self.primary = primary
        self.name = name
        self._slot = slot

    def pause_replay(self) -> None:
        """Let WAL arrive and stay unapplied until `resume_replay`."""
        with self.connect() as connection:
            connection.execute("SELECT pg_wal_replay_pause()")
        wait_until(self._is_paused, _SECONDS, f"{self.name} has paused replay")

    def resume_replay(self) -> None:
        """Apply what has arrived."""
        with self.connect() as connection:
            connection.execute("SELECT pg_wal_replay_resume()")

    def wait_until_caught_up(self) -> None:
        """Wait until everything that the primary has written is applied here."""
        with self.primary.connect() as connection:
            row = connection.execute("SELECT pg_current_wal_flush_lsn()").fetchone()
        assert row is not None
        wait_until(lambda: self._has_applied(row[0]), _SECONDS, f"{self.name} has caught up")

    def _is_paused(self) -> bool:
        return self._tells("SELECT pg_get_wal_replay_pause_state() = 'paused'")

    def _has_applied(self, lsn: str) -> bool:
        return self._tells("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", lsn)

    def _tells(self, question: str, *parameters: str) -> bool:
        with self.connect() as connection:
            row = connection.execute(question.encode(), parameters or None).fetchone()
        return row is not None and bool(row[0])

    def _initialise(self) -> None:
        self._give_away(self.folder)
        source = f"host={self.primary.folder} port={self.primary.port} user=postgres"
        command = [
            str(self.program("pg_basebackup")),
            f"--dbname={source} application_name={self.name}",
            f"--pgdata={self.data_directory}",
            "--checkpoint=fast",
            "--wal-method=stream",
            "--write-recovery-conf",
            "--no-sync",
            *([f"--slot={self._slot}", "--create-slot"] if self._slot else []),
        ]
        done = subprocess.run(
            command,
            user=self._user,
            group=self._user,
            extra_groups=None if self._user is None else [],
            cwd=self.folder,
            env={"LC_ALL": "C", "PATH": "/usr/bin:/bin", "TZ": "UTC"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"pg_basebackup failed\n{done.stdout}\n{done.stderr}")
        self.configure(self._settings)
