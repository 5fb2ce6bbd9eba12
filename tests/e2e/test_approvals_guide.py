"""The commands and manifests of docs/guide/approvals.md, run in the page's order on real servers."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

import pytest
import yaml

from localenv.controlplane import ControlPlane
from localenv.database import Database
from localenv.repository import DEPLOY_APPROVAL, PROGRAM_FOLDER, ROOT
from support.markdown import blocks
from support.migrations import Migration

PAGE = ROOT / "docs" / "guide" / "approvals.md"
SECONDS = 60


@pytest.fixture(autouse=True)
def _without_the_policy_afterwards(control_plane: ControlPlane) -> Iterator[None]:
    yield
    control_plane.kubectl("delete", "--ignore-not-found", f"--kustomize={DEPLOY_APPROVAL}")


class Reader:
    """Somebody who runs what the page says, in a namespace of their own instead of `people`."""

    def __init__(self, control_plane: ControlPlane, namespace: str, folder: Path) -> None:
        self._control_plane = control_plane
        self._namespace = namespace
        self._folder = folder
        (folder / "deploy").symlink_to(ROOT / "deploy")
        self._program("kubectl", f'exec {quote(str(control_plane.kubectl_program))} "$@"')
        self._program("roleshift", f'exec {quote(sys.executable)} -m roleshift "$@"')

    def write(self, name: str, text: str) -> None:
        """A manifest of the page as a file."""
        here = text.replace("namespace: people", f"namespace: {self._namespace}")
        (self._folder / name).write_text(here)

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a shell script that stops at the first command that fails."""
        here = script.replace("-n people", f"-n {self._namespace}")
        return subprocess.run(
            ["bash", "-euxo", "pipefail", "-c", here],
            cwd=self._folder,
            env={
                **os.environ,
                "PATH": f"{self._folder}:{os.environ['PATH']}",
                "KUBECONFIG": str(self._control_plane.kubeconfig),
                "KUBECACHEDIR": str(self._folder / "cache"),
                "PYTHONPATH": str(PROGRAM_FOLDER),
            },
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def _program(self, name: str, script: str) -> None:
        program = self._folder / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)


@pytest.mark.usefixtures("operator")
def test_the_page_leads_from_a_manifest_to_an_approved_migration(
    control_plane: ControlPlane, namespace: str, database: Database, tmp_path: Path
) -> None:
    database.execute("CREATE TABLE users (id bigint PRIMARY KEY, role text, seniority_level text)")
    database.execute("INSERT INTO users VALUES (1, 'junior_dev'), (2, 'senior_dev'), (3, 'admin')")
    manifest, bindings = blocks(PAGE, "yaml")
    migration = Migration(control_plane, namespace, yaml.safe_load(manifest)["metadata"]["name"])
    migration.secret(database.uri)
    reader = Reader(control_plane, namespace, tmp_path)
    reader.write(f"{migration.name}.yaml", manifest)
    reader.write("approvers.yaml", bindings)
    done = reader.run("\n".join(blocks(PAGE, "console")))
    assert done.returncode == 0, done.stderr
    assert "WaitingForApproval" in done.stdout
    assert done.stdout.splitlines()[-2:] == ["yes", "yes"]
    assert database.query("SELECT role, seniority_level FROM users ORDER BY id") == [
        ("developer", "junior"),
        ("developer", "senior"),
        ("admin", "lead"),
    ]


@pytest.mark.usefixtures("operator")
def test_who_writes_does_not_approve_and_who_approves_does_not_write(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    reader = Reader(control_plane, namespace, tmp_path)
    reader.write("approvers.yaml", list(blocks(PAGE, "yaml"))[1])
    bound = reader.run("kubectl apply --server-side -k deploy/approval; kubectl apply -f approvers.yaml")
    assert bound.returncode == 0, bound.stderr
    for verb, person in (("approve", "ada"), ("rollback", "ada"), ("update", "kim"), ("create", "kim")):
        answer = reader.run(f"kubectl auth can-i -n people {verb} rolemigrations --as {person}@example.org")
        assert (answer.returncode, answer.stdout) == (1, "no\n")
