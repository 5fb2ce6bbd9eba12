"""`roleshift selftest`: a migration and its rollback on a scratch table, of which nothing is left.

It shows that server, role and program work together, before a manifest asks for more. Interrupted or
failed, it removes what it made all the same.
"""

import asyncio
import json
import secrets
import signal
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from roleshift.api import RoleMigrationSpec
from roleshift.cli.database import database_parameters
from roleshift.cli.exit_codes import CommandError, ExitCode
from roleshift.cli.offline_run import OfflineRun
from roleshift.cli.options import Report
from roleshift.cli.symbols import Symbols, symbols_for
from roleshift.engine.connection import ConnectionParameters
from roleshift.engine.identity import RunIdentity, spec_hash_of
from roleshift.errors import RoleshiftError
from roleshift.phases import backing_up, checking, migrating, rolling_back, validating
from roleshift.postgres import scratch
from roleshift.postgres.connect import Purpose, session
from roleshift.postgres.probes.server import server_facts
from roleshift.postgres.scratch import TABLE, Before, Scratch
from roleshift.postgres.session import Session

ROWS = 1000
Result = TypeVar("Result")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StepResult(StrEnum):
    """How a step ended."""

    PASSED = "Passed"
    FAILED = "Failed"
    INTERRUPTED = "Interrupted"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the test.

    Attributes:
        message: what was done, or why it failed.
        seconds: how long it took.
    """

    name: str
    result: StepResult
    message: str
    seconds: float


class _Stopped(Exception):
    """A step did not pass; it is told already."""


def scratch_spec(schema: str) -> RoleMigrationSpec:
    """What becomes of the scratch table's roles; any score will do, only Critical checks stop it."""
    return RoleMigrationSpec.model_validate(
        {
            "connection": {"secretRef": {"name": "selftest"}},
            "target": {"schema": schema, "table": TABLE},
            "mappings": [
                {"from": "old_junior", "to": "new", "seniority": "junior"},
                {"from": "old_senior", "to": "new", "seniority": "senior"},
                {"from": "old_manager", "to": "lead"},
            ],
            "unmappedRoles": "Keep",
            "privileges": {"order": ["new", "old_junior", "old_senior", "lead", "old_manager"]},
            "checks": {"minimumScore": 0},
        }
    )


def selftest(uri_file: Path | None, form: Report) -> ExitCode:
    """Test, tell every step, and say by the exit code whether all of them passed.

    Raises:
        CommandError: no database is named.
    """
    parameters = database_parameters(uri_file)
    symbols = symbols_for(sys.stdout.encoding)
    told = _silently if form is Report.JSON else lambda step: _print(step, symbols)
    steps = asyncio.run(_Selftest(parameters, told).run())
    passed = all(step.result is StepResult.PASSED for step in steps)
    if form is Report.JSON:
        outcome = StepResult.PASSED if passed else StepResult.FAILED
        document = {"outcome": outcome, "steps": [asdict(step) for step in steps]}
        print(json.dumps(document, indent=2, ensure_ascii=False))
    return ExitCode.WANTED if passed else ExitCode.ERROR


def _silently(_: Step) -> None:
    """The whole document comes at the end."""


def _print(step: Step, symbols: Symbols) -> None:
    sign = symbols.done if step.result is StepResult.PASSED else symbols.failed
    print(f"{sign} {step.name:<9} {step.message} ({step.seconds:.1f} s)", flush=True)


class _Selftest:
    """The steps, one after the other."""

    def __init__(self, parameters: ConnectionParameters, told: Callable[[Step], None]) -> None:
        self._parameters = parameters
        self._told = told
        self._steps: list[Step] = []
        self._scratch = Scratch(f"roleshift_selftest_{secrets.token_hex(4)}", str(uuid.uuid4()))
        self._before: Before | None = None
        self._hash = ""

    async def run(self) -> list[Step]:
        """All of it; a signal ends the step that is under way, and the removal follows."""
        loop = asyncio.get_running_loop()
        working = asyncio.ensure_future(self._work())
        for number in _SIGNALS:
            loop.add_signal_handler(number, working.cancel)
        await asyncio.wait({working})
        if self._before is not None:
            with suppress(_Stopped):
                await self._step("Remove", self._remove)
        if not working.cancelled():
            working.result()
        return self._steps

    async def _work(self) -> None:
        async with AsyncExitStack() as opened:
            with suppress(_Stopped):
                await self._all(opened)

    async def _all(self, opened: AsyncExitStack) -> None:
        control, work = await self._step("Connect", lambda: self._connect(opened))
        await self._step("Create", lambda: self._create(control))
        run = await self._step("Register", lambda: self._begin(control, work))
        await self._step("Check", lambda: _said(run.perform(checking.run)))
        await self._step("Back up", lambda: _said(run.perform(backing_up.run)))
        await self._step("Change", lambda: _said(run.perform(migrating.run)))
        await self._step("Verify", lambda: _said(run.perform(validating.run)))
        await self._step("Validate", lambda: self._validate(control))
        await run.ask_for_rollback("asked for as planned")
        await self._step("Restore", lambda: _said(run.perform(rolling_back.run)))
        await self._step("Compare", lambda: self._compare(control))

    async def _step(self, name: str, work: Callable[[], Awaitable[tuple[Result, str]]]) -> Result:
        started = time.monotonic()
        try:
            result, message = await work()
        except asyncio.CancelledError:
            self._tell(name, StepResult.INTERRUPTED, "interrupted", started)
            raise
        except (RoleshiftError, CommandError) as error:
            self._tell(name, StepResult.FAILED, str(error), started)
            raise _Stopped from error
        self._tell(name, StepResult.PASSED, message, started)
        return result

    def _tell(self, name: str, result: StepResult, message: str, started: float) -> None:
        step = Step(name, result, message, round(time.monotonic() - started, 3))
        self._steps.append(step)
        self._told(step)

    async def _connect(self, opened: AsyncExitStack) -> tuple[tuple[Session, Session], str]:
        purpose = Purpose("roleshift", "selftest", self._scratch.run_id, self._scratch.schema)
        control = await opened.enter_async_context(session(self._parameters, purpose))
        work = await opened.enter_async_context(session(self._parameters, purpose))
        server = await server_facts(control)
        before = await scratch.look_before(control)
        self._before = before
        found = "a ledger is there and stays" if before.ledger else "no ledger yet"
        words = f'PostgreSQL {server.version_text}, database "{server.database}", role "{server.user}"'
        return (control, work), f"{words}; {found}"

    async def _create(self, control: Session) -> tuple[None, str]:
        await scratch.create(control, self._scratch, ROWS)
        self._hash = await scratch.row_hash(control, self._scratch)
        return None, f"{ROWS} rows in {self._scratch.schema}.{scratch.TABLE}"

    async def _begin(self, control: Session, work: Session) -> tuple[OfflineRun, str]:
        spec = scratch_spec(self._scratch.schema)
        identity = RunIdentity(f"selftest/{uuid.uuid4()}", "", "selftest", spec_hash_of(spec))
        run = await OfflineRun.begin(spec, identity, self._scratch.run_id, control, work)
        return run, f"run {self._scratch.run_id} in the ledger"

    async def _validate(self, control: Session) -> tuple[None, str]:
        found = await scratch.validate(control, self._scratch)
        wrong = [f"{name} {result}: {message}" for name, result, message in found if result != "Passed"]
        if wrong:
            raise CommandError("; ".join(wrong))
        names = ", ".join(name for name, *_ in found)
        return None, f"roleshift.validate_run passed {names}"

    async def _compare(self, control: Session) -> tuple[None, str]:
        if await scratch.row_hash(control, self._scratch) != self._hash:
            raise CommandError("the restored rows are not those of the start")
        return None, "every row is as it was at the start"

    async def _remove(self) -> tuple[None, str]:
        assert self._before is not None
        purpose = Purpose("roleshift", "selftest", "", "public")
        async with session(self._parameters, purpose) as removing:
            await scratch.remove(removing, self._scratch, self._before)
        return None, "nothing is left"


async def _said(message: Awaitable[str]) -> tuple[None, str]:
    return None, await message
