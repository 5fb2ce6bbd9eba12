"""What the tests that break things share."""

import pytest

from conftest import StartOperator
from localenv.controlplane import ControlPlane
from localenv.database import Database
from support.stage import Stage, set_stage


@pytest.fixture
def stage(
    control_plane: ControlPlane, namespace: str, database: Database, start_operator: StartOperator
) -> Stage:
    """A stage on the session's server, without an operator."""
    return set_stage(control_plane, namespace, database, start_operator)
