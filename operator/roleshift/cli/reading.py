"""The commands that only look: get, status, wait, report. What they do is in modules of their own."""

from typing import Annotated

import typer

from roleshift.cli.options import (
    AllNamespaces,
    BackupsForm,
    Context,
    Interval,
    Kubeconfig,
    Name,
    Namespace,
    Output,
    Report,
    ReportForm,
    Wanted,
    Where,
    duration_option,
)


def get(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Name; without it all of them.", show_default=False)
    ] = None,
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
    output: Annotated[
        Output | None, typer.Option("--output", "-o", help="Another form than the table.", show_default=False)
    ] = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """List RoleMigrations, with the columns that `kubectl get rolemigrations` has."""
    from roleshift.cli.listing import Selection, print_migrations

    if name is not None and all_namespaces:
        raise typer.BadParameter("a NAME and --all-namespaces exclude each other: use -n instead of -A")
    selection = Selection(name, everywhere=all_namespaces)
    print_migrations(Where(namespace, context, kubeconfig), selection, output)


def status(
    name: Name,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on until the run ends.")] = False,
    interval: Interval = 5.0,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Show one run on one screen; with --watch the exit code tells how it ended."""
    from roleshift.cli import watching

    where = Where(namespace, context, kubeconfig)
    raise typer.Exit(watching.watch(where, name, interval) if watch else watching.show(where, name))


def wait(
    name: Name,
    wanted: Annotated[Wanted, typer.Option("--for", help="What to wait for.", show_default=False)],
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            parser=duration_option,
            metavar="DURATION",
            help="Such as 90s, 10m or 1h30m; 0 looks once.",
            show_default="no limit",
        ),
    ] = None,
    interval: Interval = 1.0,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Wait until a run is done, rolled back, planned or approved; the exit code tells what came of it."""
    from roleshift.cli import watching

    where = Where(namespace, context, kubeconfig)
    raise typer.Exit(watching.wait(where, name, wanted, watching.Patience(interval, timeout)))


def report(
    name: Name,
    output: ReportForm = Report.TEXT,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Print all that is known of a run: plan, timeline, estimates and what they came to, checks, rollback."""
    from roleshift.cli import report as reporting

    raise typer.Exit(reporting.report(Where(namespace, context, kubeconfig), name, output))


def backups(
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            metavar="URL",
            help="List what lies in an object store, with the credentials of the environment.",
            show_default="what the objects tell",
        ),
    ] = None,
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
    output: Annotated[
        BackupsForm | None,
        typer.Option("--output", "-o", help="Another form than the table.", show_default=False),
    ] = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """List the backups of runs; with --store also those whose object and database are gone."""
    from roleshift.cli import backups as listing

    if store is not None:
        listing.print_store(store, output)
    else:
        listing.print_backups(Where(namespace, context, kubeconfig), output, everywhere=all_namespaces)
