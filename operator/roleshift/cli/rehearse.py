"""`roleshift rehearse`: the whole run and its rollback, on the database or on a clone; nothing of it stays.

What a pull request's CI runs: the exit code says whether everything was tried and went well.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roleshift.api import RoleMigration
from roleshift.cli.exit_codes import CommandError, ExitCode
from roleshift.cli.look import Look
from roleshift.cli.looking import look_at, named, output_width
from roleshift.cli.options import PlanReport
from roleshift.cli.rehearsal_report import as_document, as_markdown, head, tail
from roleshift.cli.rehearse_clone import rehearse_on_clone
from roleshift.cli.rehearse_in_place import rehearse_in_place
from roleshift.cli.rehearsed import Rehearsed, step_line
from roleshift.cli.symbols import symbols_for
from roleshift.engine.connection import ConnectionParameters
from roleshift.engine.run import LogEntry

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_INTERRUPTED = "interrupted; nothing of the rehearsal stays"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for.

    Attributes:
        clone: on a clone instead of in a transaction.
        tools: the folder of pg_dump and pg_restore; None looks on the PATH.
        timeout: seconds to wait for a lock, or for a table that stops changing.
    """

    form: PlanReport
    clone: bool
    tools: Path | None
    timeout: float


def rehearse(filename: str, uri_file: Path | None, wish: Wish) -> ExitCode:
    """Look, rehearse where the gate is open, print, and say by the exit code what it came to.

    Raises:
        CommandError: the manifest, the database or the tools are not named rightly; the wait was too long.
        RoleshiftError: the manifest is not valid, or the database can't be reached or cloned.
    """
    migration, parameters = named(filename, uri_file)
    made = asyncio.run(_until_interrupted(_made(migration, parameters, wish)))
    _print_rest(made, wish.form)
    return made.exit_code


async def _until_interrupted(work: Coroutine[Any, Any, Rehearsed]) -> Rehearsed:
    """The work; a signal ends it, and what it clears away at its end is not interrupted again."""
    loop = asyncio.get_running_loop()
    working = asyncio.ensure_future(work)
    interrupted = asyncio.Event()

    def end() -> None:
        if not interrupted.is_set():
            working.cancel()
        interrupted.set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, end)
    await asyncio.wait({working})
    if working.cancelled():
        raise CommandError(_INTERRUPTED)
    return working.result()


async def _made(migration: RoleMigration, parameters: ConnectionParameters, wish: Wish) -> Rehearsed:
    look = await look_at(migration, parameters)
    told = _begin(look, wish.form)
    if not look.is_open:
        return Rehearsed(look)
    if wish.clone:
        return await rehearse_on_clone(look, parameters, wish.tools, told)
    return await rehearse_in_place(look, parameters, wish.timeout, told)


def _begin(look: Look, form: PlanReport) -> Callable[[LogEntry], None]:
    """Print what is known already; what tells of each phase from now on."""
    if form is not PlanReport.TEXT:
        return lambda _: None
    symbols = symbols_for(sys.stdout.encoding)
    print(head(Rehearsed(look)), flush=True)
    return lambda step: print(step_line(step, symbols.done, symbols.failed), flush=True)


def _print_rest(made: Rehearsed, form: PlanReport) -> None:
    if form is PlanReport.JSON:
        print(json.dumps(as_document(made), indent=2, ensure_ascii=False))
    elif form is PlanReport.MARKDOWN:
        print(as_markdown(made))
    else:
        print(tail(made, symbols_for(sys.stdout.encoding), output_width()))
