"""What the tests that break things share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import StartOperator
from localenv.controlplane import ControlPlane
from localenv.database import Database
from localenv.namespaces import delete_leases
from localenv.operator import OPERATOR_NAMESPACE, OperatorProcess
from support.stage import Stage, set_stage


@pytest.fixture(scope="module")
def operator(control_plane: ControlPlane, operator_kubeconfig: Path) -> Iterator[OperatorProcess]:
    """One operator for all namespaces and for all tests of a file; a test may kill it."""
    with OperatorProcess(operator_kubeconfig) as running:
        yield running
    delete_leases(control_plane.api, OPERATOR_NAMESPACE)


@pytest.fixture
def starting(operator: OperatorProcess) -> StartOperator:
    """What a stage starts operators with: the file's own, again if a test has killed it.

    A file whose tests need operators of their own overrides this with `start_operator`.
    """

    def start(**_: Any) -> OperatorProcess:
        if not operator.running:
            operator.start()
            operator.wait_ready()
        return operator

    return start


@pytest.fixture
def stage(control_plane: ControlPlane, namespace: str, database: Database, starting: StartOperator) -> Stage:
    """A stage on the session's server."""
    return set_stage(control_plane, namespace, database, starting)
