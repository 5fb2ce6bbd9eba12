"""A person at a shell who runs `roleshift`, while a test plays the operator."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest
import yaml

from localenv.api import Api
from localenv.controlplane import ControlPlane
from localenv.repository import PROGRAM_FOLDER, ROOT
from roleshift.api import Phase
from support.cli_states import NAME, migration

SECONDS = 30
SPEC = yaml.safe_load((ROOT / "tests" / "manifests" / "minimal.yaml").read_text())["spec"]
MERGE_PATCH = "application/merge-patch+json"
API_VERSION = "roleshift.dev/v1alpha1"


@dataclass(frozen=True)
class Shell:
    """Runs `roleshift` with a kubeconfig, and changes the object behind its back."""

    api: Api
    kubeconfig: Path
    namespace: str
    name: str = NAME

    @classmethod
    def with_one_migration(cls, control_plane: ControlPlane, namespace: str) -> Self:
        """The administrator, with one fresh RoleMigration in a namespace."""
        shell = cls(control_plane.api, control_plane.kubeconfig, namespace)
        body = {"apiVersion": API_VERSION, "kind": "RoleMigration", "metadata": {"name": NAME}, "spec": SPEC}
        shell.api.request("POST", shell.path.rpartition("/")[0], body)
        return shell

    @property
    def path(self) -> str:
        """Where the object is."""
        return f"/apis/{API_VERSION}/namespaces/{self.namespace}/rolemigrations/{self.name}"

    def command(self, *arguments: str) -> list[str]:
        """The command with the namespace."""
        return [sys.executable, "-m", "roleshift", *arguments, f"--namespace={self.namespace}"]

    @property
    def environment(self) -> dict[str, str]:
        """A person's environment."""
        own = {"KUBECONFIG": str(self.kubeconfig), "PYTHONPATH": str(PROGRAM_FOLDER), "COLUMNS": "80"}
        return {**os.environ, **own}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run to the end."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    @contextmanager
    def running(self, *arguments: str) -> "Iterator[Running]":
        """Run beside the test."""
        with subprocess.Popen(
            self.command(*arguments),
            env={**self.environment, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                yield Running(process)
            finally:
                process.kill()

    def get(self) -> dict[str, Any]:
        """The object as it is."""
        return self.api.request("GET", self.path)

    def change(self, spec: dict[str, Any]) -> None:
        """Merge into the spec, as kubectl patch does."""
        self.api.request("PATCH", self.path, {"spec": spec}, MERGE_PATCH)

    def report(self, phase: Phase, **status: Any) -> None:
        """Write a status for the present spec, as the operator does."""
        body = migration(phase, **status)["status"]
        body["observedGeneration"] = self.get()["metadata"]["generation"]
        patch = {"status": {**dict.fromkeys(self.get()["status"]), **body}}
        self.api.request("PATCH", f"{self.path}/status", patch, MERGE_PATCH)


class Running:
    """A command beside the test, read line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.seen = ""

    def read_until(self, text: str) -> None:
        """Read on until a line has `text`; pytest's timeout is the deadline."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.seen += line
            if text in line:
                return
        pytest.fail(f"ended without {text!r}:\n{self.seen}")

    def end(self) -> int:
        """Read to the end; the exit code."""
        assert self._process.stdout is not None
        self.seen += self._process.stdout.read()
        return self._process.wait(SECONDS)
