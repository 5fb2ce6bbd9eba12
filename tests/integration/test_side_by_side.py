"""The suite runs side by side: a failure is told with its logs, and however it ends, nothing is left."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from localenv.repository import ROOT
from localenv.wait import wait_until

GONE_SECONDS = 30

# As `python -m pytest` in a terminal: a job in the background would ignore Ctrl-C.
PYTEST = """
import signal, sys, pytest

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(pytest.main())
"""

FAILING = """
import warnings

def test_one_passes() -> None:
    pass

def test_the_server_refuses(postgres) -> None:
    with postgres.connect() as connection:
        connection.execute("SELECT 'asked', 1 / 0")

def test_one_is_warned() -> None:
    warnings.warn("loud")
"""

# Says what it has started, then ends its own process or waits for ever.
STARTING = """
import json, os, signal, tempfile, threading
from pathlib import Path
import pytest

def say(server) -> None:
    folders = [str(server.folder), str(server.data_directory), tempfile.mkdtemp()]
    said = Path(__file__).parent / f"{os.getpid()}.json"
    said.with_suffix(".new").write_text(json.dumps({"server": server.process.pid, "folders": folders}))
    said.with_suffix(".new").rename(said)
"""
DYING = """
def test_one_dies(postgres) -> None:
    say(postgres)
    os.kill(os.getpid(), signal.SIGKILL)

def test_one_passes(postgres) -> None:
    say(postgres)
"""
WAITING = """
@pytest.mark.parametrize("number", range(2))
def test_it_waits_for_ever(postgres, number: int) -> None:
    say(postgres)
    threading.Event().wait()
"""


class Suite:
    """A run of a small suite with this suite's conftest and settings, by two workers."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._folder = folder
        self.output = ""

    def end(self) -> int:
        """Wait for the end; the exit code."""
        self.output = self._process.communicate()[0]
        return self._process.returncode

    def wait_for_both_workers(self) -> None:
        """Wait until each of the two has started its server."""
        wait_until(lambda: len(self._said()) == 2, 60, "both workers have said what they started")

    def interrupt(self) -> None:
        """What Ctrl-C does: every process in the foreground gets the signal."""
        os.killpg(self._process.pid, signal.SIGINT)

    def must_leave_nothing(self) -> None:
        """Every server and every folder that a worker told of is gone."""
        said = self._said()
        assert said
        servers = [one["server"] for one in said]
        folders = [Path(folder) for one in said for folder in one["folders"]]
        wait_until(lambda: not any(map(psutil.pid_exists, servers)), GONE_SECONDS, "every server is gone")
        wait_until(lambda: not any(map(Path.exists, folders)), GONE_SECONDS, "no folder is left")

    def _said(self) -> list[dict[str, Any]]:
        return [json.loads(file.read_text()) for file in self._folder.glob("*.json")]


@contextmanager
def suite(folder: Path, tests: str) -> Iterator[Suite]:
    """Start a suite of one file; end it at the end if it still runs."""
    (folder / "test_it.py").write_text(tests)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["PYTHONPATH"] = os.pathsep.join(str(ROOT / part) for part in ("operator", "tools", "tests"))
    environment["PYTEST_DEBUG_TEMPROOT"] = str(folder)
    settings = ["-p", "conftest", "-c", str(ROOT / "pyproject.toml"), "-p", "no:cacheprovider"]
    with subprocess.Popen(
        [sys.executable, "-c", PYTEST, *settings, "-n", "2", str(folder / "test_it.py")],
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield Suite(process, folder)
        finally:
            process.kill()


def test_a_failure_fails_the_run_and_says_why_and_where_the_logs_are(tmp_path: Path) -> None:
    with suite(tmp_path, FAILING) as run:
        assert run.end() == pytest.ExitCode.TESTS_FAILED, run.output
    assert "2 failed, 1 passed" in run.output
    assert "DivisionByZero: division by zero" in run.output
    assert "UserWarning: loud" in run.output
    kept = re.search(r"^PostgreSQL 18 wrote \d+ lines: (.*)$", run.output, re.MULTILINE)
    assert kept, run.output
    assert "STATEMENT:  SELECT 'asked', 1 / 0" in Path(kept[1]).read_text()


def test_a_worker_that_dies_fails_the_run_and_leaves_nothing(tmp_path: Path) -> None:
    with suite(tmp_path, STARTING + DYING) as run:
        assert run.end() == pytest.ExitCode.TESTS_FAILED, run.output
    assert "1 failed, 1 passed" in run.output
    assert re.search(r"worker 'gw\d' crashed while running '.*test_one_dies'", run.output)
    run.must_leave_nothing()


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    with suite(tmp_path, STARTING + WAITING) as run:
        run.wait_for_both_workers()
        run.interrupt()
        assert run.end() == pytest.ExitCode.INTERRUPTED, run.output
    run.must_leave_nothing()
