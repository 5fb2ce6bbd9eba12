"""pg_dump and pg_restore: found, judged by their version, and run so that no argument tells a secret."""

import asyncio
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from roleshift.cli.exit_codes import CommandError, ExitCode

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_AS_IT_IS = ("--format=custom", "--compress=0", "--lock-wait-timeout=30s")
_WITHOUT_OWNERS = ("--no-owner", "--no-acl")
_LEFT_OUT = (
    "--no-publications",
    "--no-subscriptions",
    "--no-security-labels",
    "--no-tablespaces",
    "--no-comments",
)
_ORIGIN, _CLONE = "origin", "clone"
_SHOWN_LINES = 3
_NEEDS = (
    "a clone takes a role that may read the whole database and create all that is in it: name such a role, "
    "or rehearse without --clone"
)
_KNOWS_TRANSACTION_TIMEOUT = 17
"""From this version on pg_restore sets a parameter that older servers refuse."""
_ENDING_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Tools:
    """The two programs, of one major version."""

    dump: Path
    restore: Path
    major: int


@dataclass(frozen=True, slots=True)
class Address:
    """How a program reaches a database: libpq's keywords, and the password apart."""

    keywords: Mapping[str, str]
    password: str


def find_tools(folder: Path | None, server_major: int) -> Tools:
    """The programs of the server's version, or the next newer ones.

    Args:
        folder: where they are; None looks on the PATH.

    Raises:
        CommandError: there are none, or only some that can't dump this server or restore into it.
    """
    places = [folder] if folder else [Path(one) for one in os.get_exec_path()]
    found = [tools for place in places if (tools := _tools_in(place)) is not None]
    usable = sorted((one for one in found if _fits(one.major, server_major)), key=lambda one: one.major)
    if usable:
        return usable[0]
    where = f"in {folder}" if folder else "on the PATH"
    others = f"; those {where} are of version {', '.join(str(one.major) for one in found)}" if found else ""
    raise CommandError(
        f"a clone needs pg_dump and pg_restore {_wanted(server_major)}, and there are none {where}{others}: "
        "install PostgreSQL's client programs, or name their folder with --pg-bin",
        ExitCode.USAGE,
    )


def _fits(major: int, server_major: int) -> bool:
    too_new = server_major < _KNOWS_TRANSACTION_TIMEOUT <= major
    return major >= server_major and not too_new


def _wanted(server_major: int) -> str:
    if server_major >= _KNOWS_TRANSACTION_TIMEOUT:
        return f"of version {server_major} or newer"
    last = _KNOWS_TRANSACTION_TIMEOUT - 1
    return f"of version {server_major}" + (f" to {last}" if server_major < last else "")


def _tools_in(folder: Path) -> Tools | None:
    dump, restore = folder / "pg_dump", folder / "pg_restore"
    if not os.access(dump, os.X_OK) or not os.access(restore, os.X_OK):
        return None
    try:
        told = subprocess.run([dump, "--version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    version = _VERSION.search(told.stdout)
    return Tools(dump, restore, int(version[1])) if version else None


async def copy(tools: Tools, origin: Address, clone: Address, *, with_owners: bool) -> None:
    """Fill an empty database with the content of another one.

    Args:
        with_owners: keep owners and rights; only a superuser can.

    Raises:
        CommandError: one of the programs failed; the message has what it said.
    """
    rights = () if with_owners else _WITHOUT_OWNERS
    with _settings(origin, clone) as environment:
        reading, writing = os.pipe()
        try:
            dump = await _start(
                [tools.dump, *_AS_IT_IS, *rights, *_LEFT_OUT, f"--dbname=service={_ORIGIN}"],
                environment,
                stdout=writing,
            )
            restore = await _start(
                [tools.restore, "--exit-on-error", *rights, f"--dbname=service={_CLONE}"],
                environment,
                stdin=reading,
            )
        finally:
            os.close(reading)
            os.close(writing)
        await _both(dump, restore)


async def _start(
    command: list[Path | str],
    environment: Mapping[str, str],
    *,
    stdin: int | None = None,
    stdout: int | None = None,
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *map(str, command),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL if stdin is None else stdin,
        stdout=asyncio.subprocess.DEVNULL if stdout is None else stdout,
        stderr=asyncio.subprocess.PIPE,
    )


async def _both(dump: asyncio.subprocess.Process, restore: asyncio.subprocess.Process) -> None:
    """Wait for both; whatever happens, none goes on afterwards.

    When one fails the other fails too, for want of a reader or a writer: both are told.
    """
    try:
        said = await asyncio.gather(dump.communicate(), restore.communicate())
    finally:
        for process in (dump, restore):
            await _ended(process)
    results = ((dump, "pg_dump", said[0][1]), (restore, "pg_restore", said[1][1]))
    failures = [_failure(name, errors) for process, name, errors in results if process.returncode]
    if failures:
        raise CommandError(f"{'; '.join(failures)}; {_NEEDS}")


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    _signal(process, signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), _ENDING_SECONDS)
    except TimeoutError:
        _signal(process, signal.SIGKILL)
        await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Not by the process's own method: that polls first, and takes its end away from the event loop."""
    with suppress(ProcessLookupError):
        os.kill(process.pid, number)


def _failure(name: str, errors: bytes) -> str:
    lines = [line.strip() for line in errors.decode(errors="replace").splitlines() if line.strip()]
    return f"{name} failed: {' '.join(lines[:_SHOWN_LINES]) or 'it said nothing'}"


@contextmanager
def _settings(origin: Address, clone: Address) -> Iterator[dict[str, str]]:
    """An environment whose service file and password file only this user can read, and which go again."""
    with tempfile.TemporaryDirectory(prefix="roleshift-clone-") as name:
        folder = Path(name)
        services = folder / "services"
        text = "".join(_section(title, one, folder) for title, one in ((_ORIGIN, origin), (_CLONE, clone)))
        services.touch(mode=0o600)
        services.write_text(text, encoding="utf-8")
        own = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        yield {**own, "PGSERVICEFILE": str(services), "PGAPPNAME": "roleshift rehearse"}


def _section(title: str, address: Address, folder: Path) -> str:
    passwords = folder / f"{title}.pgpass"
    passwords.touch(mode=0o600)
    escaped = address.password.replace("\\", r"\\").replace(":", r"\:")
    passwords.write_text(f"*:*:*:*:{escaped}\n" if escaped else "", encoding="utf-8")
    keywords = {key: value for key, value in address.keywords.items() if key not in _NOT_IN_A_SERVICE}
    lines = [f"{key}={value}" for key, value in {**keywords, "passfile": str(passwords)}.items()]
    return "\n".join([f"[{title}]", *lines, ""])


_NOT_IN_A_SERVICE = frozenset(
    {"service", "servicefile", "application_name", "fallback_application_name", "password"}
)
