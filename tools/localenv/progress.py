"""A progress line: redrawn on a terminal, a new line now and then in a log.

Needs only the standard library.
"""

import sys

_BAR_WIDTH = 30
_LOG_STEP_PERCENT = 10


class Progress:
    """Counts things up to a total and shows how far it is."""

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = max(total, 1)
        self._count = 0
        self._shown_percent = -1

    def advance(self, steps: int) -> None:
        """So many more are done."""
        self._count = min(self._count + steps, self._total)
        self._show()

    def finish(self) -> None:
        """All is done, also what was never counted because it was there already."""
        self._count = self._total
        self._show()
        if sys.stdout.isatty():
            print(flush=True)

    def _show(self) -> None:
        percent = 100 * self._count // self._total
        step = 1 if sys.stdout.isatty() else _LOG_STEP_PERCENT
        if percent // step == self._shown_percent // step:
            return
        self._shown_percent = percent
        filled = _BAR_WIDTH * percent // 100
        bar = "#" * filled + "-" * (_BAR_WIDTH - filled)
        line = f"  {self._what} [{bar}] {percent:3d}%  {self._count} of {self._total}"
        before, after = ("\r", "") if sys.stdout.isatty() else ("", "\n")
        print(before + line, end=after, flush=True)
