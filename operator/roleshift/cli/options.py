"""Arguments and options that several commands share, as kubectl names them. Imports nothing heavy."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from roleshift.cli.formats import seconds_of


class Output(StrEnum):
    """What `-o` takes."""

    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


class BackupsForm(StrEnum):
    """What `-o` takes for backups."""

    WIDE = "wide"
    JSON = "json"


class Report(StrEnum):
    """What `-o` takes where the answer is a report."""

    TEXT = "text"
    JSON = "json"


class PlanReport(StrEnum):
    """What `-o` takes where the answer is a plan."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


class Wanted(StrEnum):
    """What `--for` waits for."""

    DONE = "done"
    ROLLED_BACK = "rolledback"
    PLAN = "plan"
    APPROVAL = "approval"


class LogFormat(StrEnum):
    """How the operator's log lines look."""

    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    """The least severity that the operator logs."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Shell(StrEnum):
    """The shells that a completion script can be printed for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    POWERSHELL = "powershell"


@dataclass(frozen=True, slots=True)
class Where:
    """Which cluster and namespace a command speaks to; None leaves it to the kubeconfig."""

    namespace: str | None = None
    context: str | None = None
    kubeconfig: str | None = None


def duration_option(text: str) -> float:
    """Seconds of a duration on the command line; a usage error if it is none."""
    try:
        return seconds_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the RoleMigration.", show_default=False)]
Namespace = Annotated[
    str | None,
    typer.Option("--namespace", "-n", help="Namespace.", show_default="the context's"),
]
AllNamespaces = Annotated[bool, typer.Option("--all-namespaces", "-A", help="List every namespace.")]
Context = Annotated[
    str | None, typer.Option("--context", help="Context of the kubeconfig.", show_default="the current one")
]
Kubeconfig = Annotated[
    str | None, typer.Option("--kubeconfig", help="Path of the kubeconfig.", show_default="$KUBECONFIG")
]
Interval = Annotated[
    float, typer.Option("--interval", min=0.1, metavar="SECONDS", help="Seconds between two looks.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until the run has ended.")]

URI_VARIABLE = "ROLESHIFT_DATABASE_URI"
DatabaseURIFile = Annotated[
    Path | None,
    typer.Option(
        "--database-uri-file",
        metavar="FILE",
        help=f"A file that holds the database's URI. Without it ${URI_VARIABLE}, else libpq's PG* variables.",
        show_default=False,
    ),
]
ManifestFile = Annotated[
    str,
    typer.Option(
        "--filename",
        "-f",
        metavar="FILE",
        help="Manifest of the RoleMigration; - reads stdin.",
        show_default=False,
    ),
]
PlanForm = Annotated[
    PlanReport, typer.Option("--output", "-o", help="Form of the answer; markdown is for a pull request.")
]
ReportForm = Annotated[Report, typer.Option("--output", "-o", help="Form of the answer.")]
