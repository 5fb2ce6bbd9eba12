"""One program that the harness runs: in a session of its own, its output in a file."""

import os
import signal
import subprocess
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from localenv.guardian import guardian
from localenv.wait import wait_until

_PAUSE_SECONDS = 5.0


@dataclass(frozen=True)
class Program:
    """What to run and how."""

    name: str
    arguments: Sequence[str | os.PathLike[str]]
    log: Path
    environment: Mapping[str, str] | None = None
    folder: Path | None = None
    user: str | None = None
    ending: signal.Signals = signal.SIGKILL  # what the guardian sends it if nobody else ends it


def children_with_logs() -> "list[ChildProcess]":
    """What this process started and whose log is still there, the newest process of each log."""
    newest = {child.log: child for child in sorted(_started, key=lambda child: child.pid)}
    return [child for child in newest.values() if child.log.exists()]


class ChildProcess:
    """A running `Program`. Signals from the terminal don't reach it; its starter's end does."""

    def __init__(self, program: Program) -> None:
        self.name = program.name
        self.log = program.log
        with program.log.open("ab") as output:
            self._process = subprocess.Popen(
                list(program.arguments),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=program.environment,
                cwd=program.folder,
                user=program.user,
                group=program.user,
                extra_groups=None if program.user is None else [],
                start_new_session=True,
            )
        guardian().watch_process(self._process.pid, program.ending)
        _started.add(self)

    @property
    def pid(self) -> int:
        """The process's id; after its end it may be somebody else's."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended; a paused one is running too."""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The exit code, minus the signal's number, or None while it runs."""
        return self._process.poll()

    def send(self, signal_number: signal.Signals) -> None:
        """Send a signal; nothing happens when the process has ended."""
        self._process.send_signal(signal_number)

    def pause(self) -> None:
        """SIGSTOP, and wait until it stands still: what is sent afterwards finds it so."""
        self.send(signal.SIGSTOP)
        wait_until(self._stands_still, _PAUSE_SECONDS, f"{self.name} stands still")

    def resume(self) -> None:
        """SIGCONT: it goes on and does not know that it stood still."""
        self.send(signal.SIGCONT)

    def end(self, signal_number: signal.Signals = signal.SIGTERM, deadline_seconds: float = 15.0) -> int:
        """Ask it to end, wait, and return its exit code; a process that doesn't end in time is killed.

        Raises:
            TimeoutError: it had to be killed; the message has the end of its log.
        """
        self.send(signal_number)
        try:
            return self._process.wait(deadline_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            late = f"{self.name} did not end within {deadline_seconds:g} s of {signal_number.name}"
            raise TimeoutError(f"{late}\n{self.log_tail()}") from None

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._process.kill()
        self._process.wait()

    def _stands_still(self) -> bool:
        return not self.running or psutil.Process(self.pid).status() == psutil.STATUS_STOPPED

    def log_text(self) -> str:
        """Everything that it wrote so far."""
        return self.log.read_text(errors="replace")

    def log_tail(self, lines: int = 40) -> str:
        """The last lines that it wrote, with the log's name above them."""
        last = self.log_text().splitlines()[-lines:]
        return "\n".join([f"--- the last lines of {self.name}'s log", *last])


_started: weakref.WeakSet[ChildProcess] = weakref.WeakSet()
