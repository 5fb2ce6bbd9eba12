"""Which database a command without a cluster speaks to: never named by an argument, which `ps` shows."""

import os
from pathlib import Path

from roleshift.cli.exit_codes import CommandError, ExitCode
from roleshift.cli.options import URI_VARIABLE
from roleshift.engine.connection import ConnectionParameters

_LIBPQ_VARIABLES = ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE")
_NOT_NAMED = (
    f"no database is named: set {URI_VARIABLE}, or give --database-uri-file, or set PGHOST, PGDATABASE "
    "and PGUSER"
)


def database_parameters(uri_file: Path | None) -> ConnectionParameters:
    """What a session is opened with, from the file, the variable, or libpq's PG* variables.

    Raises:
        CommandError: none of them names a database, or the file can't be read.
    """
    if uri_file:
        return ConnectionParameters(uri=_uri_of(uri_file), source=str(uri_file))
    uri = os.environ.get(URI_VARIABLE, "").strip()
    if uri:
        return ConnectionParameters(uri=uri, source=URI_VARIABLE)
    if not any(os.environ.get(name) for name in _LIBPQ_VARIABLES):
        raise CommandError(_NOT_NAMED, ExitCode.USAGE)
    mode = os.environ.get("PGSSLMODE")
    return ConnectionParameters(parts={"sslmode": mode} if mode else {}, source="libpq's PG* variables")


def _uri_of(path: Path) -> str:
    try:
        uri = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise CommandError(
            f"--database-uri-file {path} can't be read: {error.strerror}", ExitCode.USAGE
        ) from None
    except UnicodeDecodeError:
        raise CommandError(
            f"--database-uri-file {path} is no UTF-8 text: write the URI into it", ExitCode.USAGE
        ) from None
    if not uri:
        raise CommandError(f"--database-uri-file {path} is empty: write the URI into it", ExitCode.USAGE)
    return uri
