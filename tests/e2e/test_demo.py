"""The demo plays its three acts, proves them, and leaves nothing behind, however it ends."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from localenv.repository import PROGRAM_FOLDER, ROOT
from localenv.wait import wait_until

ROWS = 5_000
HEXADECIMAL = r"[0-9a-f]{64}"
FOLDER = re.compile(r"/\S*/roleshift-\w+-\w+")


class Demo:
    """One demo as a process, with everything that it starts."""

    def __init__(self, process: subprocess.Popen[str], home: Path) -> None:
        self.process = process
        self.seen = ""
        self._home = home
        self._family: set[psutil.Process] = set()
        self._folders: set[str] = set()

    def read_until(self, text: str) -> None:
        """Read on until a line has `text`, and remember what has been started by then."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.seen += line
            if text in line:
                return self._remember()
        pytest.fail(f"ended without {text!r}:\n{self.seen}")

    def end(self) -> int:
        """Read to the end; the exit code."""
        assert self.process.stdout is not None
        self.seen += self.process.stdout.read()
        return self.process.wait()

    def must_leave_nothing(self) -> None:
        """Every process and every folder that was there at some time is gone, and the home is empty."""
        assert self._family
        assert self._folders
        wait_until(lambda: not any(map(_runs, self._family)), 20, "every process has ended")
        wait_until(lambda: not any(map(os.path.exists, self._folders)), 20, "no folder is left")
        assert list(self._home.iterdir()) == []

    def _remember(self) -> None:
        family = psutil.Process(self.process.pid).children(recursive=True)
        self._family.update(family)
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                self._folders.update(FOLDER.findall(" ".join(process.cmdline())))


@contextmanager
def demo(home: Path, *arguments: str) -> Iterator[Demo]:
    """Start a demo with an empty home folder; kill it at the end if it still runs."""
    environment = {
        **os.environ,
        "HOME": str(home),
        "PYTHONPATH": f"{PROGRAM_FOLDER}:{ROOT / 'tools'}",
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "demo", f"--rows={ROWS}", *arguments]
    with subprocess.Popen(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield Demo(process, home)
        finally:
            process.kill()


def test_the_three_acts_are_shown_and_proved(tmp_path: Path) -> None:
    with demo(tmp_path) as played:
        played.read_until("Act 2")
        assert played.end() == 0, played.seen
    _in_this_order(
        played.seen,
        [
            "✓ PostgreSQL 18",
            "✓ a database with 5,000 users",
            "✓ kube-apiserver, etcd, and the CRD",
            "✓ the operator, with that service account's token",
            "Act 1",
            "$ kubectl apply -f tools/demo/manifests/seniority-2026.yaml",
            "$ roleshift status seniority-2026 --watch",
            "✓ the command ended by itself, with exit code 0",
            "$ kubectl get rolemig --watch",
            "✓ seniority-2026 is Done, reason MigrationCompleted",
            "rolemigration.roleshift.dev/seniority-2026 condition met",
            "✓ no user has an old role any more",
            "Act 2",
            "$ kubectl patch rolemig seniority-2026",
            "✓ seniority-2026 is RolledBack, reason RolledBackOnRequest",
            "✓ every row is exactly as it was at the start",
            "Act 3",
            "expected '0', got '17'",
            "✓ the command ended by itself, with exit code 4",
            "✓ leads-2026 is RolledBack, reason ValidationFailed",
            "✓ every row is exactly as it was at the start",
            "What to try next",
        ],
    )
    hashes = re.findall(rf"(?:at the start|now) +({HEXADECIMAL})", played.seen)
    assert len(hashes) == 4
    assert len(set(hashes)) == 1
    _in_this_order(_without_figures(played.seen), [_without_figures(line) for line in _shown_in_the_readme()])
    assert _phases_in_transcript(played.seen) == ["Pending", "Checking", "BackingUp", "Migrating", "Done"]
    played.must_leave_nothing()


@pytest.mark.parametrize(
    ("moment", "ending", "code"),
    [
        ("✓ PostgreSQL 18", signal.SIGTERM, 143),
        ("✓ kube-apiserver", signal.SIGINT, 130),
        ("$ roleshift status", signal.SIGINT, 130),
        ("$ roleshift status", signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_an_interruption_leaves_nothing(
    tmp_path: Path, moment: str, ending: signal.Signals, code: int
) -> None:
    with demo(tmp_path) as played:
        played.read_until(moment)
        played.process.send_signal(ending)
        assert played.end() == code
    assert "Traceback" not in played.seen
    played.must_leave_nothing()


def _in_this_order(text: str, parts: Sequence[str]) -> None:
    for part in parts:
        _, _, rest = text.partition(part)
        assert rest or text.endswith(part), f"{part!r} is not in what follows:\n{text}"
        text = rest


def _shown_in_the_readme() -> list[str]:
    """The lines of README's example that say what was done and what was proved."""
    example = (ROOT / "README.md").read_text().partition("```text\n")[2].partition("```")[0]
    return [line for line in example.splitlines() if line[:2] in ("$ ", "✓ ", "Ac")]


def _without_figures(text: str) -> str:
    """Times and numbers of rows differ from run to run."""
    return re.sub(r"[\d.,]+", "N", text)


def _phases_in_transcript(text: str) -> list[str]:
    """What `kubectl get --watch` showed in act 1, each phase once; Validating may be too short to be seen."""
    transcript = text.partition("$ kubectl get rolemig --watch")[2].partition("✓")[0]
    phases = [line.split()[1] for line in transcript.splitlines() if line.startswith("seniority-2026")]
    return [phase for phase in dict.fromkeys(phases) if phase != "Validating"]


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
