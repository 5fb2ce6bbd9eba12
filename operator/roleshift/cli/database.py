"""Which database a command without a cluster speaks to: never named by an argument, which others could read."""

import os
from pathlib import Path
from typing import Annotated

import typer

from roleshift.cli.exit_codes import CommandError, ExitCode
from roleshift.engine.connection import ConnectionParameters

URI_VARIABLE = "ROLESHIFT_DATABASE_URI"
_NOT_NAMED = f"no database is named: set {URI_VARIABLE}, give --database-uri-file, or set PGHOST, PGDATABASE and PGUSER"

DatabaseURIFile = Annotated[
    Path | None,
    typer.Option(
        "--database-uri-file",
        metavar="FILE",
        help=f"A file that holds the database's URI. Otherwise {URI_VARIABLE}, else libpq's PG* variables.",
        show_default=False,
    ),
]


def database_parameters(uri_file: Path | None) -> ConnectionParameters:
    """What a session is opened with, from the file, the variable, or libpq's PG* variables.

    Raises:
        CommandError: none of them names a database, or the file can't be read.
    """
    uri = _uri_of(uri_file) if uri_file else os.environ.get(URI_VARIABLE, "").strip()
    if uri:
        return ConnectionParameters(uri=uri)
    if not any(os.environ.get(name) for name in ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE")):
        raise CommandError(_NOT_NAMED, ExitCode.USAGE)
    mode = os.environ.get("PGSSLMODE")
    return ConnectionParameters(parts={"sslmode": mode} if mode else {})


def _uri_of(path: Path) -> str:
    try:
        uri = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"--database-uri-file: {path} can't be read: {error}", ExitCode.USAGE) from None
    if not uri:
        raise CommandError(f"--database-uri-file: {path} is empty", ExitCode.USAGE)
    return uri
