"""A PostgreSQL server of one's own: version 18 or 16, on a free loopback port, with passwords.

TCP clients authenticate by SCRAM; the superuser comes in through a unix socket in a private
folder. Knows nothing of what is in the databases. This build of PostgreSQL has no TLS: `tls_proxy`
puts it in front.
"""

import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql

from localenv.folders import create_folder, remove_folder
from localenv.installation import reachable_programs, system_user
from localenv.ports import LOOPBACK, start_on_free_port
from localenv.process import ChildProcess, Program
from localenv.wait import wait_until

SUPERUSER = "postgres"
_START_SECONDS = 60.0
_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/bin:/bin", "TZ": "UTC"}
_INITDB_ARGUMENTS = (
    f"--username={SUPERUSER}",
    "--encoding=UTF8",
    "--locale=C",
    "--auth-local=trust",
    "--auth-host=scram-sha-256",
    "--no-sync",
    "--no-instructions",
)

# What the tests and the benchmarks need beyond the defaults. fsync stays on: crashes are tested.
_SETTINGS: Mapping[str, str] = {
    "listen_addresses": LOOPBACK,
    "max_connections": "200",
    "max_prepared_transactions": "10",
    "max_wal_size": "4GB",
    "shared_buffers": "128MB",
    "track_commit_timestamp": "off",
    "unix_socket_permissions": "0700",
    "wal_level": "logical",
    "log_line_prefix": "%m [%p] %q%a ",
}


class PostgresServer:
    """One server with a data directory of its own; a context manager that starts and removes it."""

    def __init__(
        self,
        version: int = 18,
        settings: Mapping[str, str] | None = None,
        data_parent: Path | None = None,
    ) -> None:
        """Prepare a server; nothing runs yet.

        Args:
            version: the major version, 18 or 16.
            settings: configuration parameters that replace or add to the harness's own.
            data_parent: where the folder of the data goes; None: beside the log.
        """
        self.version = version
        self.host = LOOPBACK
        self.port = 0
        self.folder = create_folder(f"pg{version}")
        self._data_folder = create_folder(f"data{version}", data_parent) if data_parent else self.folder
        self.data_directory = self._data_folder / "data"
        self.log = self.folder / "server.log"
        self._settings = {**_SETTINGS, "unix_socket_directories": str(self.folder), **(settings or {})}
        self._user = system_user()
        self._programs = reachable_programs(version, self.folder, self._user)
        self._process: ChildProcess | None = None

    def __enter__(self) -> Self:
        """Start the server, and remove it again if that fails."""
        with ExitStack() as undo:
            undo.callback(self.close)
            self.start()
            undo.pop_all()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Stop the server and remove its data."""
        self.close()

    @property
    def process(self) -> ChildProcess:
        """The server's first process; signals go through it."""
        assert self._process is not None, "the server was never started"
        return self._process

    @property
    def running(self) -> bool:
        """Whether the server's first process is there."""
        return self._process is not None and self._process.running

    def program(self, name: str) -> Path:
        """A client program of the same version: psql, pg_dump, pg_restore, pgbench, pg_basebackup."""
        return self._programs / name

    # Life and death

    def start(self) -> None:
        """Start the server, the first time with a new data directory, and wait until it answers.

        Raises:
            RuntimeError: it ended instead; the message has the end of its log.
        """
        if self.port:
            started = self._starts_on(self.port)
        else:
            self._initialise()
            self.port = start_on_free_port(self._starts_on)
            started = self.port > 0
        if not started:
            raise RuntimeError(f"PostgreSQL {self.version} did not start\n{self.process.log_tail()}")

    def stop(self) -> None:
        """Fast shutdown: sessions are ended, nothing is lost. The data stays."""
        self.process.end(signal.SIGINT)

    def kill(self) -> None:
        """Immediate shutdown, as after a crash: the next start recovers from the WAL."""
        self.process.end(signal.SIGQUIT)

    def restart(self) -> None:
        """Stop and start on the same port."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End the server if it runs and remove everything it wrote."""
        if self.running:
            self.kill()
        remove_folder(self._data_folder)
        remove_folder(self.folder)

    def configure(self, settings: Mapping[str, str]) -> None:
        """Append configuration parameters and have the server read them; some need a restart."""
        with (self.data_directory / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
        if self.running:
            self.process.send(signal.SIGHUP)

    # Ways in

    def uri(self, database: str, user: str, password: str, **parameters: str) -> str:
        """A URI for TCP with a password; `parameters` go into its query, such as sslmode="disable"."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        who, secret, where = (quote(part, safe="") for part in (user, password, database))
        return f"postgresql://{who}:{secret}@{self.host}:{self.port}/{where}{query}"

    def superuser_uri(self, database: str = "postgres") -> str:
        """A URI for the superuser, without a password, through the unix socket."""
        query = urlencode({"host": str(self.folder), "port": self.port})
        return f"postgresql://{SUPERUSER}@/{quote(database, safe='')}?{query}"

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """A superuser's session, in autocommit mode."""
        return psycopg.connect(self.superuser_uri(database), autocommit=True)

    def run(self, program: str, *arguments: str, database: str = "postgres") -> str:
        """Run a client program as the superuser and return what it printed.

        Raises:
            subprocess.CalledProcessError: it failed; its message is in `stderr`.
        """
        command = [str(self.program(program)), *arguments, "--dbname", self.superuser_uri(database)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    # Databases and roles

    def create_role(self, name: str, password: str) -> None:
        """Create an ordinary role that may log in."""
        statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
            sql.Identifier(name), sql.Literal(password)
        )
        with self.connect() as connection:
            connection.execute(statement)

    def drop_role(self, name: str) -> None:
        """Drop a role that owns nothing any more."""
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))

    def create_database(self, name: str, template: str | None = None, owner: str | None = None) -> None:
        """Create a database, as a copy of `template` if that is given; nobody may be connected to that."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
            sql.Identifier(name), sql.Identifier(template or "template1"), sql.Identifier(owner or SUPERUSER)
        )
        with self.connect() as connection:
            connection.execute(statement)

    def drop_database(self, name: str) -> None:
        """Drop a database whatever is in its way: sessions, prepared transactions, replication slots."""
        with self.connect() as connection:
            if _exists(connection, name):
                self._clear_the_way(name)
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _clear_the_way(self, name: str) -> None:
        with self.connect(name) as connection:
            prepared = connection.execute(
                "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"
            )
            for (transaction,) in prepared.fetchall():
                connection.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(transaction)))
            connection.execute(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
                " WHERE database = current_database() AND NOT active"
            )

    # How it starts

    def _initialise(self) -> None:
        self._give_away(self.folder)
        self._give_away(self._data_folder)
        arguments = [*_INITDB_ARGUMENTS, "--pgdata", str(self.data_directory)]
        done = subprocess.run(
            [str(self.program("initdb")), *arguments],
            user=self._user,
            group=self._user,
            extra_groups=None if self._user is None else [],
            cwd=self.folder,
            env=_ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"initdb failed\n{done.stdout}\n{done.stderr}")
        self.configure(self._settings)

    def _starts_on(self, port: int) -> bool:
        self.port = port
        self._process = ChildProcess(
            Program(
                f"PostgreSQL {self.version}",
                [self.program("postgres"), "-D", self.data_directory, "-p", str(port)],
                self.log,
                environment=_ENVIRONMENT,
                folder=self.folder,
                user=self._user,
                ending=signal.SIGQUIT,
            )
        )
        wait_until(lambda: self._answers() or not self.running, _START_SECONDS, "PostgreSQL answers")
        return self.running

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _give_away(self, path: Path) -> None:
        if self._user is not None:
            shutil.chown(path, self._user, self._user)


def _exists(connection: psycopg.Connection[Any], database: str) -> bool:
    found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database])
    return found.fetchone() is not None
