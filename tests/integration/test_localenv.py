"""The local environment keeps its promises: real parts that start quickly and leave nothing behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from localenv.api import ApiError
from localenv.controlplane import ControlPlane
from localenv.database import Database
from localenv.operator import OperatorProcess
from localenv.postgres import PostgresServer
from localenv.repository import ROOT
from localenv.tls_proxy import TlsProxy
from localenv.wait import DeadlineExceededError, wait_until

GONE_SECONDS = 20

HARNESS = """
import json, signal, sys
from localenv.controlplane import ControlPlane
from localenv.operator import OperatorProcess
from localenv.postgres import PostgresServer

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
server = PostgresServer()
server.start()
processes, folders = [server.process.pid], [str(server.folder)]
if "control plane" in sys.argv:
    control_plane = ControlPlane()
    control_plane.start()
    processes.append(control_plane.apiserver.pid)
    folders.append(str(control_plane.folder))
print(json.dumps([processes, folders]), flush=True)
sys.stdin.read()
"""

# Answers on one port as the operator does on two.
STAND_IN = """
import http.server, json, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"yes")

server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
port = server.server_address[1]
print("not structured", file=sys.stderr)
said = {"event": "listening", "metrics_port": port, "health_port": port, "flags": sys.argv[1:]}
print(json.dumps(said), file=sys.stderr, flush=True)
server.serve_forever()
"""
FLAGS = ["operator", "--identity", "operator-1", "--namespace", "people"]


class TestWaiting:
    def test_the_first_true_value_is_returned(self) -> None:
        values = iter([0, "", 7])
        assert wait_until(lambda: next(values), 5, "a value") == 7

    def test_the_error_says_what_was_awaited_and_what_was_seen(self) -> None:
        with pytest.raises(DeadlineExceededError, match="a pig flies; last seen: 0"):
            wait_until(lambda: 0, 0, "a pig flies")


class TestPostgres:
    def test_tcp_clients_need_the_password(self, database: Database) -> None:
        with database.connect() as connection:
            assert connection.execute("SELECT current_user").fetchone() == (database.owner,)
        wrong = database.server.uri(database.name, database.owner, "wrong", sslmode="disable")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)

    def test_the_owner_is_an_ordinary_role(self, database: Database) -> None:
        database.execute("CREATE SCHEMA roleshift; CREATE TABLE public.users (id bigint)")
        rights = database.query("SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user")
        assert rights == [(False, False)]

    @pytest.mark.parametrize(("fixture", "version"), [("postgres", 18), ("postgres16", 16)])
    def test_both_versions_are_there(
        self, request: pytest.FixtureRequest, fixture: str, version: int
    ) -> None:
        server: PostgresServer = request.getfixturevalue(fixture)
        with server.connect() as connection:
            assert connection.info.server_version // 10_000 == version
            assert connection.execute("SHOW fsync").fetchone() == ("on",)

    def test_data_survives_a_restart_and_a_crash(self) -> None:
        with PostgresServer() as server:
            database, port = Database.create(server), server.port
            database.execute("CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)")
            server.restart()
            server.kill()
            server.start()
            assert database.query("SELECT id FROM kept") == [(1,)]
            assert server.port == port

    def test_closing_leaves_no_process_and_no_folder(self) -> None:
        with PostgresServer() as server:
            pid, folder = server.process.pid, server.folder
        assert not psutil.pid_exists(pid)
        assert not folder.exists()

    def test_a_database_goes_whatever_is_in_its_way(self, postgres: PostgresServer) -> None:
        database = Database.create(postgres)
        with database.connect() as busy, database.admin() as admin:
            admin.execute("SELECT pg_create_logical_replication_slot('left_over', 'pgoutput')")
            busy.execute("CREATE TABLE t (id int)")
            busy.execute("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'left over'")
            database.drop()
        with postgres.connect() as connection:
            assert connection.execute(_NAMED, [database.name, database.owner]).fetchall() == []

    def test_clients_can_verify_the_certificate_of_the_tls_proxy(self, database: Database) -> None:
        with TlsProxy(database.server.port) as proxy:
            plain = make_conninfo(database.uri, port=proxy.port)
            verified = make_conninfo(plain, sslmode="verify-full", sslrootcert=str(proxy.authority))
            with psycopg.connect(verified) as connection:
                assert connection.pgconn.ssl_in_use
                assert connection.execute("SELECT length(repeat('x', 1000000))").fetchone() == (1_000_000,)

    def test_the_programs_run(self, database: Database) -> None:
        database.execute("CREATE TABLE dumped (id int)")
        assert "dumped" in database.server.run("pg_dump", "--schema-only", database=database.name)


class TestRowSetHash:
    def test_the_order_of_writing_does_not_matter(self, database: Database) -> None:
        database.execute("CREATE TABLE a (id int, name text); CREATE TABLE b (id int, name text)")
        database.execute("INSERT INTO a VALUES (1, 'x'), (2, NULL); INSERT INTO b VALUES (2, NULL), (1, 'x')")
        assert database.row_set_hash("a") == database.row_set_hash("b")

    def test_every_value_and_every_repetition_matters(self, database: Database) -> None:
        database.execute("CREATE TABLE t (id int, name text); INSERT INTO t VALUES (1, 'x')")
        hashes = [database.row_set_hash("t")]
        for change in ("UPDATE t SET name = NULL", "UPDATE t SET name = ''", "INSERT INTO t SELECT * FROM t"):
            database.execute(change)
            hashes.append(database.row_set_hash("t"))
        assert len(set(hashes)) == len(hashes)

    def test_columns_can_be_chosen(self, database: Database) -> None:
        database.execute(
            'CREATE TABLE "we ird" ("I d" int, name text); INSERT INTO "we ird" VALUES (1, \'x\')'
        )
        before = database.row_set_hash("we ird", ["I d"])
        database.execute("UPDATE \"we ird\" SET name = 'y'")
        assert database.row_set_hash("we ird", ["I d"]) == before

    def test_a_copy_has_the_same_rows(self, database: Database) -> None:
        database.execute("CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 1000) AS i")
        copy = database.copy()
        try:
            assert copy.row_set_hash("t") == database.row_set_hash("t")
        finally:
            copy.drop()


class TestControlPlane:
    def test_a_service_account_has_no_rights_of_its_own(
        self, control_plane: ControlPlane, namespace: str
    ) -> None:
        control_plane.apply("{apiVersion: v1, kind: ServiceAccount, metadata: {name: nobody}}", namespace)
        kubeconfig = control_plane.service_account_kubeconfig(namespace, "nobody", 600)
        assert kubeconfig.stat().st_mode & 0o777 == 0o600
        refused = control_plane.kubectl("get", "secrets", check=False, kubeconfig=kubeconfig)
        assert f"system:serviceaccount:{namespace}:nobody" in refused.stderr

    def test_the_api_comes_back_on_its_port_with_its_data(
        self, control_plane: ControlPlane, namespace: str
    ) -> None:
        server = control_plane.server
        control_plane.stop_api()
        with pytest.raises(OSError, match="refused"):
            control_plane.api.text("/readyz")
        control_plane.restart_api()
        assert control_plane.server == server
        assert (
            control_plane.api.request("GET", f"/api/v1/namespaces/{namespace}")["status"]["phase"] == "Active"
        )

    def test_an_error_of_the_api_has_its_code_and_message(self, control_plane: ControlPlane) -> None:
        with pytest.raises(ApiError, match='404: namespaces "nowhere" not found'):
            control_plane.api.request("GET", "/api/v1/namespaces/nowhere")


class TestOperatorProcess:
    @pytest.fixture
    def operator(self, tmp_path: Path) -> Iterator[OperatorProcess]:
        """A stand-in for the program, so that only the harness is tested."""
        with _stand_in(tmp_path, STAND_IN) as process:
            yield process

    def test_the_ports_come_from_the_log_and_the_flags_arrive(self, operator: OperatorProcess) -> None:
        assert operator.log_events()[0]["flags"][:5] == FLAGS
        assert operator.metrics_text() == "yes"
        assert operator.rss_bytes() > 1_000_000

    def test_it_ends_when_asked(self, operator: OperatorProcess) -> None:
        assert operator.stop() == -signal.SIGTERM
        assert not operator.running

    def test_a_paused_one_has_to_be_killed(self, operator: OperatorProcess) -> None:
        operator.pause()
        with pytest.raises(TimeoutError, match="did not end within"):
            operator.stop(deadline_seconds=0.2)

    def test_it_can_be_started_again_after_its_death(self, operator: OperatorProcess) -> None:
        before = operator.process.pid
        operator.kill9()
        operator.start()
        operator.wait_ready()
        assert operator.process.pid != before

    def test_an_operator_that_ends_at_once_is_reported_with_its_log(self, tmp_path: Path) -> None:
        process = _stand_in(tmp_path, "raise SystemExit('no cluster')")
        with pytest.raises(RuntimeError, match="no cluster"):
            process.__enter__()
        assert not process.folder.exists()


@pytest.mark.parametrize(
    ("ending", "parts"), [(signal.SIGKILL, "control plane"), (signal.SIGTERM, ""), (signal.SIGINT, "")]
)
def test_a_harness_that_is_killed_leaves_nothing(ending: signal.Signals, parts: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tools")}
    command = [sys.executable, "-c", HARNESS, parts]
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as harness:
        assert harness.stdout is not None
        processes, folders = json.loads(harness.stdout.readline())
        family = [child.pid for pid in processes for child in psutil.Process(pid).children()]
        harness.send_signal(ending)
        wait_until(lambda: not any(map(_runs, processes + family)), GONE_SECONDS, "every process is gone")
        wait_until(
            lambda: not any(Path(folder).exists() for folder in folders), GONE_SECONDS, "no folder is left"
        )


def _stand_in(folder: Path, program: str) -> OperatorProcess:
    package = folder / "roleshift"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(program)
    instead = {"PYTHONPATH": str(folder)}
    return OperatorProcess(folder / "kubeconfig", namespace="people", environment=instead)


def _runs(pid: int) -> bool:
    """Whether a process is there and more than a zombie that its parent has not looked after yet."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


_NAMED = (
    "SELECT datname FROM pg_database WHERE datname = %s UNION SELECT rolname FROM pg_roles WHERE rolname = %s"
)
