"""What all tests share: the real servers, started when first asked for, and fresh places on them.

A session is one worker: tests that run side by side share no server (docs/decisions/0017).
Coroutine tests need no marker: each runs in an event loop of its own.
"""

import asyncio
import gc
import inspect
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import hypothesis
import pytest

from localenv.controlplane import ControlPlane
from localenv.database import Database
from localenv.folders import create_folder, remove_folder, roomy_memory
from localenv.namespaces import create_namespace, delete_leases, delete_namespace
from localenv.operator import OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, OperatorProcess
from localenv.postgres import PostgresServer
from localenv.repository import DEPLOY_BASE, ROOT
from support.random_shapes import LOOKUP

pytest_plugins = ["support.kept_logs"]

_TOKEN_SECONDS = 4 * 3600
_FEWEST_WORKERS, _MOST_WORKERS = 2, 8  # tests wait for servers: two pay even on one processor
_DATA_BYTES_OF_A_WORKER = 2 << 30

# No deadline for one example: the machine may be busy. In CI the same examples every time.
hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """How many workers `-n auto` means."""
    return min(max(len(os.sched_getaffinity(0)), _FEWEST_WORKERS), _MOST_WORKERS)


def pytest_configure() -> None:
    """Keep the files of failed tests, of the last three runs that failed, in the checkout."""
    kept = ROOT / ".cache" / "tests"
    kept.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(kept))


def pytest_collection_finish() -> None:
    """What was imported stays: looking through it for garbage again and again took a tenth of the time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _temporary_files() -> Iterator[None]:
    """What programs leave behind that a test has killed goes at the end, with all temporary files."""
    folder = create_folder("tests")
    with pytest.MonkeyPatch.context() as here:
        here.setenv("TMPDIR", str(folder))
        here.setattr(tempfile, "tempdir", None)
        yield
    remove_folder(folder)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine test with asyncio.run; leave the others to pytest."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    asyncio.run(pyfuncitem.obj(**arguments))
    return True


# PostgreSQL


@pytest.fixture(scope="session")
def data_parent() -> Path | None:
    """Where the data of the session's servers is: in memory if there is room for every worker's.

    Hundreds of databases of 300 files each come and go, and file systems are slow at that.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return roomy_memory(workers * _DATA_BYTES_OF_A_WORKER)


@pytest.fixture(scope="session")
def postgres(data_parent: Path | None) -> Iterator[PostgresServer]:
    """A PostgreSQL 18 server for the whole session."""
    with PostgresServer(18, data_parent=data_parent) as server:
        yield server


@pytest.fixture(scope="session")
def postgres16(data_parent: Path | None) -> Iterator[PostgresServer]:
    """A PostgreSQL 16 server for the whole session."""
    with PostgresServer(16, data_parent=data_parent) as server:
        yield server


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[Database]:
    """An empty database on PostgreSQL 18 with a plain owner, for one test."""
    created = Database.create(postgres)
    yield created
    created.drop()


@pytest.fixture
def database16(postgres16: PostgresServer) -> Iterator[Database]:
    """An empty database on PostgreSQL 16 with a plain owner, for one test."""
    created = Database.create(postgres16)
    yield created
    created.drop()


@pytest.fixture(scope="module")
def history_database(postgres: PostgresServer) -> Iterator[Database]:
    """One database for all examples of a module; each history has a table of its own."""
    created = Database.create(postgres)
    created.execute(LOOKUP)
    yield created
    created.drop()


# Kubernetes


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """A kube-apiserver with the CRD applied, for the whole session."""
    with ControlPlane() as running:
        yield running


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """The name of an empty namespace, for one test."""
    name = create_namespace(control_plane.api)
    yield name
    control_plane.heal()
    delete_namespace(control_plane.api, name)


@pytest.fixture(scope="session")
def operator_kubeconfig(control_plane: ControlPlane) -> Path:
    """The kubeconfig of deploy/base's service account, with nothing but the rights of deploy/base."""
    control_plane.kubectl("apply", "--server-side", f"--kustomize={DEPLOY_BASE}")
    return control_plane.service_account_kubeconfig(OPERATOR_NAMESPACE, OPERATOR_ACCOUNT, _TOKEN_SECONDS)


# The operator


class StartOperator(Protocol):
    """What the fixture `start_operator` gives: takes what OperatorProcess takes, except the kubeconfig."""

    def __call__(self, **options: Any) -> OperatorProcess:
        """Start an operator and wait until it is ready."""


@pytest.fixture
def start_operator(
    control_plane: ControlPlane, operator_kubeconfig: Path, namespace: str
) -> Iterator[StartOperator]:
    """Starts operators for the test's namespace, under the rights of deploy/base, and ends them."""
    with ExitStack() as running:

        def start(**options: Any) -> OperatorProcess:
            chosen = {"namespace": namespace, **options}
            return running.enter_context(OperatorProcess(operator_kubeconfig, **chosen))

        yield start
    control_plane.heal()
    delete_leases(control_plane.api, OPERATOR_NAMESPACE)
