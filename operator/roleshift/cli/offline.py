"""The commands that need a database and no cluster. What they do is in modules of their own."""

import typer

from roleshift.cli.options import DatabaseURIFile, ManifestFile, Report, ReportForm


def check(
    filename: ManifestFile,
    output: ReportForm = Report.TEXT,
    database_uri_file: DatabaseURIFile = None,
) -> None:
    """Make the safety checks of a manifest on its database and judge the gate; nothing is written."""
    from roleshift.cli import checking

    raise typer.Exit(checking.check(filename, database_uri_file, output))
