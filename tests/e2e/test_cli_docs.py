"""The manifests and the grants of README and guide do on real servers what the text says."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import StartOperator
from localenv.controlplane import ControlPlane
from localenv.database import Database
from localenv.repository import ROOT
from support.migrations import Migration, condition_of

README = ROOT / "README.md"
GUIDE = ROOT / "docs" / "guide" / "first-migration.md"
USERS = "INSERT INTO users (id, role) VALUES (1, 'junior_dev'), (2, 'senior_dev'), (3, 'admin')"


def code(page: Path, language: str) -> str:
    """All code of a page in one language."""
    return "\n---\n".join(re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL))


class Reader:
    """Somebody who does what a page says, in a namespace of their own."""

    def __init__(self, control_plane: ControlPlane, namespace: str, page: Path) -> None:
        items = list(yaml.safe_load_all(code(page, "yaml")))
        (self._manifest,) = [item for item in items if item["kind"] == "RoleMigration"]
        (self._secret,) = [item for item in items if item["kind"] == "Secret"]
        self._namespace = namespace
        self.migration = Migration(control_plane, namespace, self._manifest["metadata"]["name"])

    def apply(self, uri: str) -> dict[str, Any]:
        """Apply both, with the real address in the Secret; the status at the run's end."""
        assert list(self._secret["stringData"]) == ["uri"]
        for item in ({**self._secret, "stringData": {"uri": uri}}, self._manifest):
            metadata = {**item["metadata"], "namespace": self._namespace}
            self.migration.apply_manifest({**item, "metadata": metadata})
        return self.migration.wait_for_end()


@pytest.fixture(autouse=True)
def _operator(start_operator: StartOperator) -> None:
    start_operator()


@pytest.mark.parametrize("role", ["text", "app_role"])
def test_the_readmes_first_migration(
    control_plane: ControlPlane, namespace: str, database: Database, role: str
) -> None:
    database.execute("CREATE TYPE app_role AS ENUM ('junior_dev', 'senior_dev', 'admin')")
    database.execute(f"CREATE TABLE users (id bigint PRIMARY KEY, role {role})")
    database.execute(USERS)
    before = database.row_set_hash("users", ["id", "role"])
    reader = Reader(control_plane, namespace, README)
    status = reader.apply(database.uri)
    assert status["phase"] == "Done", status
    assert database.query("SELECT role::text, seniority_level FROM users ORDER BY id") == [
        ("developer", "junior"),
        ("developer", "senior"),
        ("admin", None),
    ]
    reader.migration.roll_back()
    assert reader.migration.wait_for_phase("RolledBack", "Failed")["phase"] == "RolledBack"
    assert database.row_set_hash("users", ["id", "role"]) == before


class TestGuide:
    @pytest.fixture
    def reader(self, control_plane: ControlPlane, namespace: str, database: Database) -> Reader:
        database.execute("CREATE TABLE users (id bigint PRIMARY KEY, role text, seniority_level text)")
        database.execute(USERS)
        return Reader(control_plane, namespace, GUIDE)

    @pytest.fixture
    def visitor(self, database: Database) -> Iterator[str]:
        """The URI of a role that owns nothing in the database."""
        name = _visitor(database)
        database.server.create_role(name, "secret")
        yield database.server.uri(database.name, name, "secret", sslmode="disable")
        with database.admin() as administrator:
            administrator.execute(f"DROP OWNED BY {name} CASCADE")
        database.server.drop_role(name)

    def test_the_grants_are_enough(self, reader: Reader, visitor: str, database: Database) -> None:
        grants = code(GUIDE, "sql").replace("DATABASE people", f"DATABASE {database.name}")
        with database.admin() as administrator:
            administrator.execute(grants.replace("TO roleshift", f"TO {_visitor(database)}"))
        status = reader.apply(visitor)
        assert status["phase"] == "Done", status
        reader.migration.roll_back()
        assert reader.migration.wait_for_phase("RolledBack", "Failed")["phase"] == "RolledBack"

    def test_without_them_the_message_names_each(self, reader: Reader, visitor: str) -> None:
        status = reader.apply(visitor)
        ready = condition_of(status, "Ready")
        assert (status["phase"], ready["reason"]) == ("Failed", "PermissionDenied")
        for grant in ("GRANT CREATE ON DATABASE", "GRANT SELECT, UPDATE ON"):
            assert grant in ready["message"]


def _visitor(database: Database) -> str:
    return f"{database.owner}_visitor"
