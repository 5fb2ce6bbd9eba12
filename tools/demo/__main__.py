"""`python -m demo [--rows N]`: plays the three acts; the exit code is 0 only when every proof holds."""

import argparse
import io
import signal
import sys
from typing import NoReturn

from rich.console import Console

from demo.acts import Play
from demo.data import ROWS
from demo.narrator import Narrator
from demo.proof import ProofFailedError
from demo.stage import stage
from demo.stopwatch import Stopwatch
from localenv.kubectl import KubectlError
from localenv.wait import DeadlineExceededError

_FEWEST_ROWS = 1_000
_INTERRUPTED = 130
_TROUBLE = (DeadlineExceededError, FileNotFoundError, KubectlError, RuntimeError)
_NEXT = """
Everything is stopped and removed. What to try next:

  make demo ARGS="--rows 1000000"
      the same with a million users
  tools/demo/manifests/leads-2026.yaml
      say that 17 leads without a team are expected, and act 3 ends in Done
  docs/guide/first-migration.md
      a table of your own, step by step
  make test
      the tests, on the same real parts
"""


def main() -> int:
    """Play; whatever happens, nothing is left behind."""
    rows = _rows()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _leave)
    narrator = Narrator(Console())
    try:
        _play(narrator, rows)
    except (ProofFailedError, *_TROUBLE) as failure:
        narrator.failure(str(failure))
        return 1
    except KeyboardInterrupt:
        narrator.say("\nInterrupted; everything is stopped and removed.")
        return _INTERRUPTED
    return 0


def _play(narrator: Narrator, rows: int) -> None:
    watch = Stopwatch()
    narrator.say("Roleshift on real parts: PostgreSQL, the Kubernetes API, and the operator.\n")
    with stage(narrator, rows) as set_up:
        watch.lap("setting the stage")
        try:
            _play_acts(Play(narrator, set_up), watch)
        except ProofFailedError:
            narrator.output(set_up.operator.process.log_tail())
            raise
        narrator.heading("The end")
        set_up.operator.stop()
    watch.lap("clearing up")
    narrator.times(watch.laps)
    narrator.output(_NEXT)


def _play_acts(play: Play, watch: Stopwatch) -> None:
    play.migration()
    watch.lap("act 1, the migration")
    play.rollback()
    watch.lap("act 2, the rollback")
    play.broken()
    watch.lap("act 3, the one that comes back by itself")


def _leave(number: int, _: object) -> NoReturn:
    """Go through every clean-up, as after Ctrl-C."""
    sys.exit(128 + number)


def _rows() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo", description="Roleshift in three acts.")
    parser.add_argument("--rows", type=int, default=ROWS, help="number of users (%(default)s)")
    rows: int = parser.parse_args().rows
    if rows < _FEWEST_ROWS:
        parser.error(f"--rows must be at least {_FEWEST_ROWS}")
    return rows


if __name__ == "__main__":
    sys.exit(main())
