"""`roleshift report`: all that is known of a run, for people and for programs."""

import asyncio
import json
import sys

from roleshift.cli.exit_codes import ExitCode
from roleshift.cli.looking import output_width
from roleshift.cli.options import Report, Where
from roleshift.cli.report_text import as_text
from roleshift.cli.session import connected
from roleshift.cli.subject import subject_of
from roleshift.cli.symbols import symbols_for
from roleshift.engine.report import report_document


def report(where: Where, name: str, form: Report) -> ExitCode:
    """Print the report of a run as it stands.

    Raises:
        CommandError: there is no such object, or the kubeconfig can't be used.
    """
    with connected(where) as session:
        subject = subject_of(asyncio.run(session.get(name)))
    if form is Report.JSON:
        document = report_document(subject.namespace, subject.name, subject.table, subject.status)
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        print(as_text(subject, symbols_for(sys.stdout.encoding), output_width()))
    return ExitCode.WANTED
