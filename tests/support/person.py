"""Somebody at a shell with a manifest and a database, and no cluster."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from localenv.database import Database
from localenv.repository import PROGRAM_FOLDER
from support.examinations import JUDGED
from support.migrations import SPEC, merged


class Person:
    """Runs the commands that need no cluster."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self.database = database
        self.variables: dict[str, str] = {"ROLESHIFT_DATABASE_URI": database.uri}

    def manifest(self, **changes: Any) -> str:
        """A manifest in a file, changed."""
        path = self.folder / "rolemigration.yaml"
        path.write_text(yaml.safe_dump(self.document(**changes)))
        return str(path)

    def document(self, **changes: Any) -> dict[str, Any]:
        """The sample manifest, changed."""
        return {
            "apiVersion": "roleshift.dev/v1alpha1",
            "kind": "RoleMigration",
            "metadata": {"name": "seniority", "namespace": "people"},
            "spec": merged(SPEC, {"privileges": JUDGED, **changes}),
        }

    @property
    def environment(self) -> dict[str, str]:
        """What the commands find in their environment."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return {**own, "PYTHONPATH": str(PROGRAM_FOLDER), "COLUMNS": "110", **self.variables}

    def check(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run `roleshift check`."""
        return self._run("check", arguments, stdin)

    def plan(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run `roleshift plan`."""
        return self._run("plan", arguments, stdin)

    def rehearse(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `roleshift rehearse`."""
        return self._run("rehearse", arguments, "")

    def restore(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `roleshift restore`."""
        return self._run("restore", arguments, "")

    def _run(self, command: str, arguments: tuple[str, ...], stdin: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "roleshift", command, *arguments],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def dump(database: Database, *arguments: str) -> list[str]:
    """Everything in a database, as pg_dump writes it, without its random parts."""
    lines = database.server.run("pg_dump", *arguments, database=database.name).splitlines()
    return [line for line in lines if not line.startswith((r"\restrict", r"\unrestrict"))]


def dump_without_ledger_rows(database: Database) -> list[str]:
    """The same without the rows of the ledger; its counters go on, whatever becomes of rows."""
    return dump(database, "--exclude-table-data=roleshift.*")
