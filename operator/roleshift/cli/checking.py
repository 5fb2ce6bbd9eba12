"""`roleshift check`: one look at the database of a manifest, without a cluster and without writing."""

import json
import sys
from pathlib import Path

from roleshift.cli.exit_codes import ExitCode
from roleshift.cli.looking import look_for, output_width
from roleshift.cli.options import Report
from roleshift.cli.safety_report import as_document, as_text
from roleshift.cli.symbols import symbols_for


def check(filename: str, uri_file: Path | None, form: Report) -> ExitCode:
    """Look, print, and say by the exit code whether the gate is open.

    Raises:
        CommandError: the manifest or the database is not named rightly.
        RoleshiftError: the manifest is not valid, or the database can't be reached.
    """
    look = look_for(filename, uri_file)
    if form is Report.JSON:
        print(json.dumps(as_document(look), indent=2, ensure_ascii=False))
    else:
        print(as_text(look, symbols_for(sys.stdout.encoding), output_width()))
    return look.exit_code
