"""The person in front of the terminal: runs kubectl and roleshift as one would, and shows both."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from demo.narrator import Narrator
from demo.proof import ProofFailedError
from localenv.controlplane import ControlPlane
from localenv.guardian import guardian
from localenv.process import ChildProcess, Program
from localenv.repository import PROGRAM_FOLDER, ROOT

NAMESPACE = "people"
MANIFESTS = Path(__file__).parent / "manifests"
_KIND = "rolemigrations.roleshift.dev"
_DEADLINE_SECONDS = 300


class Person:
    """Somebody with a kubeconfig whose context says namespace `people`."""

    def __init__(self, control_plane: ControlPlane, narrator: Narrator) -> None:
        self._narrator = narrator
        self._kubectl = control_plane.kubectl_program
        self._folder = control_plane.folder
        self._watches = 0
        kubeconfig = self._folder / "person.kubeconfig"
        self._environment = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "PYTHONPATH": str(PROGRAM_FOLDER),
        }
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_bytes(control_plane.kubeconfig.read_bytes())
        self._run("config", "set-context", "--current", f"--namespace={NAMESPACE}")

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl; the command and what it prints are shown.

        Raises:
            ProofFailedError: it failed.
        """
        self._narrator.command(f"kubectl {shlex.join(arguments)}")
        output = self._run(*arguments)
        self._narrator.output(output)
        return output

    def roleshift(self, *arguments: str) -> int:
        """Run roleshift in the terminal and return its exit code."""
        self._narrator.command(f"roleshift {shlex.join(arguments)}")
        command = [sys.executable, "-m", "roleshift", *arguments]
        with subprocess.Popen(command, env=self._environment, cwd=ROOT) as program:
            guardian().watch_process(program.pid, signal.SIGTERM)
            try:
                return program.wait(_DEADLINE_SECONDS)
            except subprocess.TimeoutExpired:
                raise ProofFailedError(f"roleshift did not end within {_DEADLINE_SECONDS} s") from None
            finally:
                program.kill()

    def create_quietly(self, manifest: Mapping[str, Any]) -> None:
        """Create an object that must not be shown, such as a Secret, not even among the arguments."""
        self._run("apply", "--server-side", "--filename=-", stdin=json.dumps(manifest))

    def look(self, name: str) -> dict[str, Any]:
        """The RoleMigration as it is now, without showing that one looks."""
        found: dict[str, Any] = json.loads(self._run("get", _KIND, name, "--output=json"))
        return found

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Record what `kubectl get rolemig -w` says meanwhile, and show it afterwards."""
        command = [str(self._kubectl), "get", "rolemig", "--watch"]
        self._watches += 1
        log = self._folder / f"watch-{self._watches}.txt"
        watch = ChildProcess(Program("kubectl get", command, log, environment=self._environment))
        try:
            yield
        finally:
            watch.kill()
        self._narrator.say("\nMeanwhile, in another terminal:")
        self._narrator.command("kubectl get rolemig --watch")
        self._narrator.output(watch.log_text())

    def _run(self, *arguments: str, stdin: str | None = None) -> str:
        done = subprocess.run(
            [str(self._kubectl), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env=self._environment,
            cwd=ROOT,
            check=False,
            timeout=_DEADLINE_SECONDS,
        )
        if done.returncode:
            raise ProofFailedError(f"kubectl {shlex.join(arguments)}: {done.stderr.strip()}")
        return done.stdout
