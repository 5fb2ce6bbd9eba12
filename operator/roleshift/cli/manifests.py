"""Reading the RoleMigration of a manifest file, for commands without a cluster."""

import sys
from pathlib import Path
from typing import Any

import yaml

from roleshift.api import KIND, RoleMigration, parse_migration
from roleshift.cli.exit_codes import CommandError, ExitCode

_STDIN = "-"


def read_manifest(path: str) -> RoleMigration:
    """The one RoleMigration of a file; other objects in it are left alone.

    Raises:
        CommandError: the file can't be read, is no YAML, or holds none or several RoleMigrations.
        SpecError: the RoleMigration is not valid; the message names every field.
    """
    found = [one for one in _documents(path) if isinstance(one, dict) and one.get("kind") == KIND]
    if len(found) != 1:
        what = "no RoleMigration" if not found else f"{len(found)} RoleMigrations"
        raise CommandError(f"{path} holds {what}; give a file with one", ExitCode.USAGE)
    return parse_migration(found[0])


def _documents(path: str) -> list[Any]:
    try:
        text = sys.stdin.read() if path == _STDIN else Path(path).read_text(encoding="utf-8")
        return list(yaml.safe_load_all(text))
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}", ExitCode.USAGE) from None
    except UnicodeDecodeError:
        raise CommandError(f"{path} is no UTF-8 text: give a YAML file", ExitCode.USAGE) from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        raise CommandError(f"{path}{line} is no YAML: correct it", ExitCode.USAGE) from None
