"""The commands that need a database and no cluster. What they do is in modules of their own."""

from typing import Annotated

import typer

from roleshift.cli.options import DatabaseURIFile, ManifestFile, PlanReport, Report, ReportForm


def check(
    filename: ManifestFile,
    output: ReportForm = Report.TEXT,
    database_uri_file: DatabaseURIFile = None,
) -> None:
    """Make the safety checks of a manifest on its database and judge the gate; nothing is written."""
    from roleshift.cli import checking

    raise typer.Exit(checking.check(filename, database_uri_file, output))


def plan(
    filename: ManifestFile,
    output: Annotated[
        PlanReport, typer.Option("--output", "-o", help="Form of the answer; markdown is for a pull request.")
    ] = PlanReport.TEXT,
    database_uri_file: DatabaseURIFile = None,
) -> None:
    """Show what a manifest would do to its database, with the plan's hash; nothing is written."""
    from roleshift.cli import plan as planning

    raise typer.Exit(planning.plan(filename, database_uri_file, output))


def sql(
    filename: Annotated[
        str | None,
        typer.Option(
            "--filename",
            "-f",
            metavar="FILE",
            help="Manifest whose target the role gets rights on; - reads stdin.",
            show_default=False,
        ),
    ] = None,
    role: Annotated[
        str,
        typer.Option(
            "--role", metavar="NAME", help="The run's role, which gets the least rights.", show_default=False
        ),
    ] = "",
    database: Annotated[
        str,
        typer.Option(
            "--database", metavar="NAME", help="Refuse to run in any other database.", show_default=False
        ),
    ] = "",
) -> None:
    """Print SQL for a database administrator: the ledger, its functions, and a role's least grants."""
    from roleshift.cli import sql as script

    script.print_sql(filename, role, database)


def selftest(output: ReportForm = Report.TEXT, database_uri_file: DatabaseURIFile = None) -> None:
    """Migrate a scratch table of a database and back, and remove all of it again."""
    from roleshift.cli.selftest import selftest as tested

    raise typer.Exit(tested(database_uri_file, output))
