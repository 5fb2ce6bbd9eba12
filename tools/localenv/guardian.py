"""Cleans up after a harness that was interrupted or killed.

The guardian is a small process of its own that holds the reading end of a pipe. When the process
that starts servers ends, in whatever way, the pipe closes: the guardian then ends what is still
registered and removes the folders. Run as a script it is the guardian, imported it is the client.
It decides nothing and starts nothing.
"""

import atexit
import contextlib
import functools
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

_GRACE_SECONDS = 5.0
_POLL_SECONDS = 0.02


class Guardian:
    """The client's side: says what has to go when this process goes."""

    def __init__(self) -> None:
        # -I: without it this folder would be on sys.path, and its operator.py would shadow the library's.
        self._process = subprocess.Popen(
            [sys.executable, "-I", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
            cwd="/",
        )
        atexit.register(self.close)

    def watch_process(self, pid: int, ending: signal.Signals) -> None:
        """End process `pid` by the signal `ending`, and by SIGKILL if that is not enough."""
        started = psutil.Process(pid).create_time()
        self._say({"process": pid, "started": started, "signal": int(ending)})

    def watch_folder(self, folder: Path) -> None:
        """Remove `folder` and everything in it."""
        self._say({"folder": str(folder)})

    def forget(self, folder: Path) -> None:
        """The folder is gone already; its name may be somebody else's from now on."""
        self._say({"forget": str(folder)})

    def close(self) -> None:
        """Let the guardian do its work now and wait for it."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _say(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()


@functools.cache
def guardian() -> Guardian:
    """The one guardian of this process, started when first needed."""
    return Guardian()


def _end(message: dict[str, Any]) -> None:
    try:
        process = psutil.Process(message["process"])
        if process.create_time() != message["started"]:
            return
        family = [process, *process.children(recursive=True)]
        process.send_signal(message["signal"])
        process.resume()
    except psutil.NoSuchProcess:
        return
    for survivor in _alive_after_a_while(family):
        with contextlib.suppress(psutil.NoSuchProcess):
            survivor.kill()


def _alive_after_a_while(family: list[psutil.Process]) -> list[psutil.Process]:
    end = time.monotonic() + _GRACE_SECONDS
    while family and time.monotonic() < end:
        time.sleep(_POLL_SECONDS)
        family = [process for process in family if _is_alive(process)]
    return family


def _is_alive(process: psutil.Process) -> bool:
    """Whether it still runs; a zombie only waits for its parent to look."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _listen() -> tuple[list[dict[str, Any]], dict[str, None]]:
    processes: list[dict[str, Any]] = []
    folders: dict[str, None] = {}
    for line in sys.stdin:
        message = json.loads(line)
        if "process" in message:
            processes.append(message)
        elif "folder" in message:
            folders[message["folder"]] = None
        else:
            folders.pop(message["forget"], None)
    return processes, folders


def main() -> None:
    """Be the guardian: listen until the pipe closes, then clean up, what started last first."""
    for interruption in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(interruption, signal.SIG_IGN)
    processes, folders = _listen()
    for process in reversed(processes):
        _end(process)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
