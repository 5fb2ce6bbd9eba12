"""Looking at one run: `status`, `status --watch`, `wait`. What is shown is made by `screen` and `lines`."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from roleshift.cli.exit_codes import CommandError, ExitCode
from roleshift.cli.lines import change, summary
from roleshift.cli.options import Wanted, Where
from roleshift.cli.outcomes import ending, is_over, pause
from roleshift.cli.screen import screen
from roleshift.cli.session import Snapshot, connected
from roleshift.cli.subject import Subject, subject_of
from roleshift.cli.symbols import symbols_for

_REDRAWS_PER_SECOND = 2

Snapshots = AsyncIterator[Snapshot]
Judge = Callable[[Subject], ExitCode | None]


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to look and how long to go on, in seconds; without a timeout there is no limit."""

    interval: float
    timeout: float | None = None


def show(where: Where, name: str) -> ExitCode:
    """Print the status screen once."""
    with connected(where) as session:
        subject = subject_of(asyncio.run(session.get(name)))
    _print(Console(), Snapshot(subject))
    return ExitCode.WANTED


def watch(where: Where, name: str, interval: float) -> ExitCode:
    """Show the run until it ends: redrawn on a terminal, else a line at each change, then the screen.

    Returns:
        How it ended, measured by spec.desiredState and spec.mode.
    """
    console = Console()
    follow = _redraw if console.is_terminal else _print_changes
    with connected(where) as session:
        return asyncio.run(follow(console, session.snapshots(name, interval)))


def wait(where: Where, name: str, wanted: Wanted, patience: Patience) -> ExitCode:
    """Wait until what is wanted is there, can't come any more, or only a person can bring it on; print it."""

    def judge(subject: Subject) -> ExitCode | None:
        ended = ending(subject, wanted)
        return pause(subject, wanted) if ended is None else ended

    with connected(where) as session:
        return asyncio.run(_wait(session.snapshots(name, patience.interval), judge, patience.timeout))


async def _redraw(console: Console, snapshots: Snapshots) -> ExitCode:
    shown: list[Snapshot] = []
    with Live(
        console=console,
        get_renderable=lambda: _drawn(console, shown[-1]) if shown else Text(),
        refresh_per_second=_REDRAWS_PER_SECOND,
    ) as live:
        async for snapshot in snapshots:
            shown[:] = [snapshot]
            live.refresh()
            if (code := is_over(snapshot.subject)) is not None:
                return code
    raise AssertionError("snapshots go on for ever")


async def _print_changes(console: Console, snapshots: Snapshots) -> ExitCode:
    before: Snapshot | None = None
    async for snapshot in snapshots:
        line = change(before.subject if before else None, snapshot.subject)
        if line:
            print(f"{datetime.now().astimezone():%H:%M:%S}  {line}", flush=True)
        _warn_of_outage(before, snapshot)
        before = snapshot
        if (code := is_over(snapshot.subject)) is not None:
            print()
            _print(console, snapshot)
            return code
    raise AssertionError("snapshots go on for ever")


async def _wait(snapshots: Snapshots, judge: Judge, timeout: float | None) -> ExitCode:  # noqa: ASYNC109
    last: Snapshot | None = None
    try:
        async with asyncio.timeout(None) as limit:
            end = None if timeout is None else asyncio.get_running_loop().time() + timeout
            async for snapshot in snapshots:
                _warn_of_outage(last, snapshot)
                last = snapshot
                if (code := judge(snapshot.subject)) is not None:
                    print(summary(snapshot.subject))
                    return code
                limit.reschedule(end)  # only now: the first look is always made
    except TimeoutError:
        assert last is not None
        raise CommandError(f"timed out; {summary(last.subject)}", ExitCode.TIMED_OUT) from None
    raise AssertionError("snapshots go on for ever")


def _warn_of_outage(before: Snapshot | None, now: Snapshot) -> None:
    if now.outage and not (before and before.outage):
        print(f"warning: {now.outage}; trying again", file=sys.stderr, flush=True)


def _drawn(console: Console, snapshot: Snapshot) -> RenderableType:
    drawn = screen(snapshot.subject, datetime.now(UTC), symbols_for(console.encoding))
    if not snapshot.outage:
        return drawn
    return Group(drawn, Text(f"\nThis is what was seen last; {snapshot.outage}", "yellow"))


def _print(console: Console, snapshot: Snapshot) -> None:
    """Without the padding at the ends of lines when it isn't for a terminal."""
    drawn = _drawn(console, snapshot)
    if console.is_terminal:
        console.print(drawn)
        return
    with console.capture() as captured:
        console.print(drawn)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))
