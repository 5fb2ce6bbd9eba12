"""The program `roleshift`: its commands, and how errors become one line on stderr and an exit code.

Only what the help needs is imported here; a command imports what it needs when it runs.
"""

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from roleshift import __version__
from roleshift.cli import acting, offline, reading, running
from roleshift.cli.exit_codes import EXPLAINED, CommandError, ExitCode
from roleshift.cli.options import Shell
from roleshift.errors import RoleshiftError

PROGRAM = "roleshift"
_PLUGIN = "kubectl-roleshift"
_COMPLETE = f"_{PROGRAM.upper()}_COMPLETE"

app = typer.Typer(
    help="Move the users of a PostgreSQL table from old roles to new ones, and back.",
    epilog=EXPLAINED,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_LOOK = "Look"
_ACT = "Act"
_OFFLINE = "Without a cluster"
_REST = "The program itself"

app.command(rich_help_panel=_LOOK)(reading.get)
app.command(rich_help_panel=_LOOK)(reading.status)
app.command(rich_help_panel=_LOOK)(reading.wait)
app.command(rich_help_panel=_LOOK)(reading.report)
app.command(rich_help_panel=_LOOK)(reading.backups)
app.command(rich_help_panel=_ACT)(acting.approve)
app.command(rich_help_panel=_ACT)(acting.rollback)
app.command("abort", hidden=True, help="The same as rollback.")(acting.rollback)
app.command(rich_help_panel=_ACT)(acting.suspend)
app.command(rich_help_panel=_ACT)(acting.resume)
app.command(rich_help_panel=_ACT)(acting.accept)
app.command(rich_help_panel=_ACT)(acting.retry)
app.command(rich_help_panel=_ACT)(acting.forget)
app.command(rich_help_panel=_OFFLINE)(offline.check)
app.command(rich_help_panel=_OFFLINE)(offline.plan)
app.command(rich_help_panel=_OFFLINE)(offline.rehearse)
app.command(rich_help_panel=_OFFLINE)(offline.restore)
app.command(rich_help_panel=_OFFLINE)(offline.sql)
app.command(rich_help_panel=_OFFLINE)(offline.selftest)
app.command(rich_help_panel=_REST)(running.operator)


@app.command(rich_help_panel=_REST)
def version() -> None:
    """Print the version of this program."""
    print(f"{PROGRAM} {__version__}")


@app.command(rich_help_panel=_REST)
def completion(
    shell: Annotated[Shell, typer.Argument(help="The shell to complete in.", show_default=False)],
) -> None:
    """Print a completion script: for bash, put `source <(roleshift completion bash)` into ~/.bashrc."""
    os.environ[_COMPLETE] = f"source_{shell}"
    _register_shells()
    app(args=[], prog_name=PROGRAM)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: without the program's name; None means those of the process.

    Returns:
        The exit code, see `ExitCode`; usage errors and the help raise SystemExit with theirs.
    """
    _print_whatever_comes()
    if _COMPLETE in os.environ:
        _register_shells()
    try:
        app(args=arguments, prog_name=_program_name())
    except CommandError as error:
        return _fail(str(error), error.code)
    except RoleshiftError as error:
        return _fail(error.message, ExitCode.ERROR)
    return ExitCode.WANTED


def _print_whatever_comes() -> None:
    """A sign that the output's encoding lacks becomes a question mark, never an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _register_shells() -> None:
    """Otherwise typer knows its shells only where its two options for completion stand in the help."""
    from typer.completion import get_completion_inspect_parameters

    get_completion_inspect_parameters()


def _fail(message: str, code: ExitCode) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code


def _program_name() -> str:
    return "kubectl roleshift" if Path(sys.argv[0]).stem == _PLUGIN else PROGRAM
