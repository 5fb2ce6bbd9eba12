"""The command that runs the operator: its flags, nothing else."""

import socket
from pathlib import Path
from typing import Annotated

import typer

from roleshift.cli.options import Context, Kubeconfig, LogFormat, LogLevel

_LEASE = "High availability"
_LOGS = "Logs"


def operator(
    namespace: Annotated[
        list[str] | None,
        typer.Option("--namespace", "-n", help="Namespace to watch; can be given again.", show_default="all"),
    ] = None,
    metrics_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of /metrics; 0 picks one.")
    ] = 8080,
    health_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of /healthz and /readyz; 0 picks one.")
    ] = 8081,
    health_interval: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="Seconds between two looks at a database.")
    ] = 10.0,
    archive_directory: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder below which archives may be kept in files (file://); can be given again.",
            show_default="none",
        ),
    ] = None,
    let_go_after: Annotated[
        float,
        typer.Option(
            min=0.1,
            metavar="SECONDS",
            help="A deleted object waits so long for a database, Secret or store that is gone.",
        ),
    ] = 600.0,
    identity: Annotated[
        str | None,
        typer.Option(
            help="This operator's name in the Lease.", show_default="host name", rich_help_panel=_LEASE
        ),
    ] = None,
    lease_namespace: Annotated[
        str,
        typer.Option(help="Namespace of the Lease.", envvar="POD_NAMESPACE", rich_help_panel=_LEASE),
    ] = "roleshift-system",
    lease_duration: Annotated[
        float,
        typer.Option(
            min=0.1, metavar="SECONDS", help="A Lease holds so long unrenewed.", rich_help_panel=_LEASE
        ),
    ] = 15.0,
    lease_renew_deadline: Annotated[
        float,
        typer.Option(
            min=0.1, metavar="SECONDS", help="Stop working after so long unrenewed.", rich_help_panel=_LEASE
        ),
    ] = 10.0,
    lease_retry_period: Annotated[
        float,
        typer.Option(min=0.1, metavar="SECONDS", help="Seconds between two tries.", rich_help_panel=_LEASE),
    ] = 2.0,
    log_format: Annotated[
        LogFormat, typer.Option(help="One JSON object a line, or text.", rich_help_panel=_LOGS)
    ] = LogFormat.JSON,
    log_level: Annotated[
        LogLevel, typer.Option(help="Least severity that is logged.", rich_help_panel=_LOGS)
    ] = LogLevel.INFO,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Run the operator: in a cluster with its service account, elsewhere with a kubeconfig."""
    from roleshift.controller.startup import OperatorOptions, run

    _check_lease(lease_duration, lease_renew_deadline, lease_retry_period)
    options = OperatorOptions(
        namespaces=tuple(namespace or ()),
        metrics_port=metrics_port,
        health_port=health_port,
        identity=identity or socket.gethostname(),
        lease_namespace=lease_namespace,
        lease_duration=lease_duration,
        lease_renew_deadline=lease_renew_deadline,
        lease_retry_period=lease_retry_period,
        health_interval=health_interval,
        archive_directories=tuple(archive_directory or ()),
        let_go_seconds=let_go_after,
        log_format=log_format,
        log_level=log_level,
        kubeconfig=kubeconfig,
        context=context,
    )
    raise typer.Exit(run(options))


def _check_lease(duration: float, renew_deadline: float, retry_period: float) -> None:
    """A holder must have stopped before another one may start, and must try more than once until then."""
    if not duration > renew_deadline > retry_period:
        raise typer.BadParameter(
            "--lease-duration must be longer than --lease-renew-deadline, "
            "and that longer than --lease-retry-period"
        )
