"""The operator as a process of its own, started as a person starts it: `python -m roleshift operator`."""

import json
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from localenv.folders import create_folder, remove_folder
from localenv.ports import LOOPBACK
from localenv.process import ChildProcess, Program
from localenv.repository import PROGRAM_FOLDER, ROOT
from localenv.wait import wait_until

OPERATOR_NAMESPACE = "roleshift-system"
OPERATOR_ACCOUNT = "roleshift-operator"
# What must not leak from the person's shell into the operator: another cluster, another database.
_FOREIGN = ("KUBE", "PG", "ROLESHIFT_")
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class OperatorProcess:
    """One operator; a context manager that starts it, waits until it is ready, and ends it."""

    def __init__(
        self,
        kubeconfig: Path,
        *,
        namespace: str | None = None,
        identity: str = "operator-1",
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare an operator; nothing runs yet.

        Args:
            kubeconfig: whose credentials it runs with.
            namespace: the one namespace that it watches; None: all of them.
            identity: its name as a holder of the Lease.
            arguments: more flags, after these.
            environment: more environment variables.
        """
        scope = [] if namespace is None else ["--namespace", namespace]
        ports = ["--metrics-port", "0", "--health-port", "0"]
        self.identity = identity
        self._arguments = ["operator", "--identity", identity, *scope, *ports, *arguments]
        self.folder = create_folder("operator")
        # A killed one can't remove its temporary files: they go with its folder.
        own = {"KUBECONFIG": str(kubeconfig), "POD_NAME": identity, "TMPDIR": str(self.folder)}
        self._environment = {**_environment(), **own, **(environment or {})}
        self._process: ChildProcess | None = None
        self.metrics_port = 0
        self.health_port = 0

    def __enter__(self) -> Self:
        """Start the operator and wait until it is ready, or end it if it isn't in time."""
        with ExitStack() as undo:
            undo.callback(self.close)
            self.start()
            self.wait_ready()
            undo.pop_all()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        """End the operator and remove its log."""
        self.close()

    @property
    def process(self) -> ChildProcess:
        """The process; signals go through it."""
        assert self._process is not None, "the operator was never started"
        return self._process

    @property
    def running(self) -> bool:
        """Whether the process is there; a paused one is."""
        return self._process is not None and self._process.running

    # Life and death

    def start(self) -> None:
        """Start the process, or start it again after its end with the same flags; its log goes on."""
        assert not self.running, "the operator runs already"
        self._log_before = len(self.log_text()) if self._process else 0
        command = [sys.executable, "-m", "roleshift", *self._arguments]
        log = self.folder / "operator.log"
        program = Program(self.identity, command, log, environment=self._environment, folder=ROOT)
        self._process = ChildProcess(program)

    def wait_ready(self, deadline_seconds: float = 30.0) -> None:
        """Wait until it has said which ports it listens on, and /readyz says yes.

        Raises:
            RuntimeError: it ended instead; the message has the end of its log.
            DeadlineExceededError: it is not ready in time.
        """
        wait_until(self._listens_or_ended, deadline_seconds, f"{self.identity} listens")
        wait_until(self._ready_or_ended, deadline_seconds, f"{self.identity} is ready")
        if not self.running:
            raise RuntimeError(f"{self.identity} ended while it started\n{self.process.log_tail()}")

    def stop(self, deadline_seconds: float = 15.0) -> int:
        """SIGTERM, and wait for a clean end.

        Returns:
            The exit code.

        Raises:
            TimeoutError: it had to be killed; the message has the end of its log.
        """
        return self.process.end(signal.SIGTERM, deadline_seconds)

    def kill9(self) -> None:
        """SIGKILL: it can tidy nothing up."""
        self.process.kill()

    def pause(self) -> None:
        """SIGSTOP: it stands still, with its connections open."""
        self.process.pause()

    def resume(self) -> None:
        """SIGCONT: it goes on and does not know that it stood still."""
        self.process.resume()

    def close(self) -> None:
        """End it if it runs, and remove its log."""
        if self.running:
            self.kill9()
        remove_folder(self.folder)

    # What can be seen from outside

    def rss_bytes(self) -> int:
        """Its resident memory in bytes."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def log_text(self) -> str:
        """Everything that it wrote, over all its starts."""
        return self.process.log_text()

    def log_events(self) -> list[dict[str, Any]]:
        """The structured lines of its log since its last start."""
        lines = self.log_text()[self._log_before :].splitlines()
        return [event for line in lines if (event := _parsed(line))]

    def metrics_text(self) -> str:
        """What /metrics answers."""
        return _get(f"http://{LOOPBACK}:{self.metrics_port}/metrics")

    def _listens_or_ended(self) -> bool:
        for event in self.log_events():
            if event.get("event") == "listening":
                self.metrics_port, self.health_port = event["metrics_port"], event["health_port"]
                return True
        return not self.running

    def _ready_or_ended(self) -> bool:
        try:
            return not self.running or bool(_get(f"http://{LOOPBACK}:{self.health_port}/readyz"))
        except urllib.error.HTTPError as not_yet:
            not_yet.close()
            return False
        except OSError:
            return False


def _environment() -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    every = {"POD_NAMESPACE": OPERATOR_NAMESPACE, "PYTHONPATH": str(PROGRAM_FOLDER), "PYTHONUNBUFFERED": "1"}
    return own | every


def _parsed(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _get(url: str) -> str:
    with _direct.open(url, timeout=5) as answer:
        return str(answer.read().decode())
