"""`roleshift plan`: what a manifest would do to its database, without a cluster and without writing."""

import json
import sys
from pathlib import Path

from roleshift.cli.exit_codes import ExitCode
from roleshift.cli.looking import look_for, output_width
from roleshift.cli.options import PlanReport
from roleshift.cli.plan_markdown import as_markdown
from roleshift.cli.plan_report import as_document, as_text
from roleshift.cli.plan_review import review
from roleshift.cli.symbols import symbols_for


def plan(filename: str, uri_file: Path | None, form: PlanReport) -> ExitCode:
    """Look, print the plan as far as it is known, and say by the exit code whether the gate is open.

    Raises:
        CommandError: the manifest or the database is not named rightly.
        RoleshiftError: the manifest is not valid, or the database can't be reached.
    """
    look = look_for(filename, uri_file)
    made = review(look)
    if form is PlanReport.JSON:
        print(json.dumps(as_document(made), indent=2, ensure_ascii=False))
    elif form is PlanReport.MARKDOWN:
        print(as_markdown(made))
    else:
        print(as_text(made, symbols_for(sys.stdout.encoding), output_width()))
    return look.exit_code
