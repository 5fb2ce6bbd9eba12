"""The page of commands, written by typer from the command line itself."""

import subprocess
import sys

_COMMAND = ("-m", "typer", "roleshift.cli.main", "utils", "docs", "--name", "roleshift")


def page() -> str:
    """Every command with its flags."""
    done = subprocess.run([sys.executable, *_COMMAND], capture_output=True, text=True, check=True)
    return done.stdout
