"""Time that passes at once: coroutines that wait for seconds are tested without waiting."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import structlog

RunVirtual = Callable[[Coroutine[Any, Any, Any]], Any]


class _NoWaiting(selectors.DefaultSelector):
    """A selector that moves a clock forward where the real one would wait."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("everything waits for something that never comes")
        if not ready and timeout:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock starts at 0 and jumps to whatever is due next."""

    def __init__(self) -> None:
        self._clock = _NoWaiting()
        super().__init__(self._clock)

    def time(self) -> float:
        """Virtual seconds; a little ahead, so that rounding never makes a timer wait twice."""
        return self._clock.now + 1e-9 if hasattr(self, "_clock") else 0.0


@pytest.fixture(autouse=True, scope="session")
def _quiet() -> None:
    """Log lines of code under test say their event and no more: no tracebacks with local variables."""
    structlog.configure(processors=[structlog.processors.KeyValueRenderer(key_order=["event"])])


@pytest.fixture(scope="session")
def run_virtual() -> RunVirtual:
    """Runs a coroutine to its end in virtual time, in a loop of its own."""
    return _run


def _run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)
