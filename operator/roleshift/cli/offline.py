"""The commands that need a database and no cluster. What they do is in modules of their own."""

from pathlib import Path
from typing import Annotated

import typer

from roleshift.cli.options import (
    DatabaseURIFile,
    ManifestFile,
    PlanForm,
    PlanReport,
    Report,
    ReportForm,
    duration_option,
)

_PATIENCE_SECONDS = 60.0


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
    output: PlanForm = PlanReport.TEXT,
    database_uri_file: DatabaseURIFile = None,
) -> None:
    """Show what a manifest would do to its database, with the plan's hash; nothing is written."""
    from roleshift.cli import plan as planning

    raise typer.Exit(planning.plan(filename, database_uri_file, output))


def rehearse(
    filename: ManifestFile,
    clone: Annotated[
        bool,
        typer.Option(
            "--clone",
            help="Rehearse on a new database with the same content, dropped at the end: COMMIT and new enum "
            "values too. Needs CREATEDB.",
        ),
    ] = False,
    output: PlanForm = PlanReport.TEXT,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            metavar="DURATION",
            parser=duration_option,
            help="How long to wait for a lock, or for a run on the same table.",
            show_default="1m",
        ),
    ] = None,
    pg_bin: Annotated[
        Path | None,
        typer.Option(
            "--pg-bin",
            metavar="FOLDER",
            help="Where pg_dump and pg_restore are, for --clone.",
            show_default="the PATH",
        ),
    ] = None,
    database_uri_file: DatabaseURIFile = None,
) -> None:
    """Make the whole run and its rollback in a transaction that is rolled back, or on a clone.

    Without --clone it locks the table for as long as it takes, and writes WAL. Exit code 0: everything was
    tried and went well; 3: the gate is closed, or the run would fail; 5: something that matters can't be
    tried without --clone.
    """
    from roleshift.cli.rehearse import Wish
    from roleshift.cli.rehearse import rehearse as rehearsed

    if pg_bin and not clone:
        raise typer.BadParameter("is for --clone only: give both or none", param_hint="--pg-bin")
    patience = _PATIENCE_SECONDS if timeout is None else timeout
    raise typer.Exit(rehearsed(filename, database_uri_file, Wish(output, clone, pg_bin, patience)))


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
    restore: Annotated[
        str,
        typer.Option(
            "--restore",
            metavar="RUN",
            help="Print how to bring the old roles of that run back from psql alone, instead of the ledger.",
            show_default=False,
        ),
    ] = "",
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
    """Print SQL for an administrator: the ledger and a role's least grants, or the way back of a run."""
    from roleshift.cli import sql as script

    if restore and (filename or role):
        raise typer.BadParameter("stands alone: -f and --role are for the ledger", param_hint="--restore")
    if restore:
        script.print_restore(restore, database)
    else:
        script.print_sql(filename, role, database)


def restore(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="Id of the run, status.runID.", show_default=False)
    ],
    store: Annotated[
        str,
        typer.Option(
            "--store",
            metavar="URL",
            help="spec.backup.archive.url of its archive; the environment has the credentials.",
            show_default=False,
        ),
    ] = "",
    any_database: Annotated[
        bool,
        typer.Option("--any-database", help="The database was restored or copied since the run was made."),
    ] = False,
    database_uri_file: DatabaseURIFile = None,
) -> None:
    """Bring the old roles of a run back without a cluster, from its image or its archive.

    For when the object is gone, or the ledger, or both: a backup says itself what it is. As long as the
    object is there, use `roleshift rollback`.
    """
    from roleshift.cli.restore import Wish
    from roleshift.cli.restore import restore as restored

    print(restored(Wish(run, store, any_database), database_uri_file))


def selftest(output: ReportForm = Report.TEXT, database_uri_file: DatabaseURIFile = None) -> None:
    """Migrate a scratch table of a database and back, and remove all of it again."""
    from roleshift.cli.selftest import selftest as tested

    raise typer.Exit(tested(database_uri_file, output))
