"""A database administrator at a shell, with `roleshift sql` and psql."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from localenv.database import Database
from localenv.repository import PROGRAM_FOLDER
from roleshift.phases.examination import Examination
from support.examinations import JUDGED, look
from support.migrations import SPEC, merged
from support.run_phases import spec_of
from support.tables import create_user_profiles

SECRET = "canary"


@dataclass
class Administrator:
    """Somebody with psql, a manifest and a role for the run that has no rights yet."""

    folder: Path
    database: Database
    role: str

    @classmethod
    def of(cls, folder: Path, database: Database, role: str = "") -> "Administrator":
        """With 40 users in the database."""
        create_user_profiles(database, 40)
        role = role or f"{database.name}_worker"
        database.server.create_role(role, SECRET)
        return cls(folder, database, role)

    @property
    def uri(self) -> str:
        """How the run's role connects."""
        return self.database.server.uri(self.database.name, self.role, SECRET, sslmode="disable")

    def manifest(self, **changes: Any) -> str:
        """A manifest in a file, changed."""
        document = {
            "apiVersion": "roleshift.dev/v1alpha1",
            "kind": "RoleMigration",
            "metadata": {"name": "seniority", "namespace": "people"},
            "spec": merged(SPEC, {"privileges": JUDGED, **changes}),
        }
        path = self.folder / "rolemigration.yaml"
        path.write_text(yaml.safe_dump(document))
        return str(path)

    def sql(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `roleshift sql`, with no database in reach."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return subprocess.run(
            [sys.executable, "-m", "roleshift", "sql", *arguments],
            env={**own, "PYTHONPATH": str(PROGRAM_FOLDER), "COLUMNS": "110"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def script(self, *arguments: str) -> str:
        """What it prints."""
        done = self.sql(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def run(self, script: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a script by psql as the superuser."""
        psql = [str(self.database.server.program("psql")), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
        return subprocess.run(
            [*psql, self.database.admin_uri], input=script, capture_output=True, text=True, check=check
        )

    def lay_down(self, **changes: Any) -> None:
        """Everything for a manifest."""
        arguments = ("-f", self.manifest(**changes), "--role", self.role, "--database", self.database.name)
        self.run(self.script(*arguments))

    async def look(self, **changes: Any) -> Examination:
        """The checks as the run's role makes them."""
        return await look(self.database, spec_of(privileges=JUDGED, **changes), uri=self.uri)
