"""The commands that change a RoleMigration: approve, suspend, rollback and the like. Done in `changes`."""

from typing import Annotated

import typer

from roleshift.cli.options import Context, Interval, Kubeconfig, Name, Namespace, Wait, Wanted, Where


def approve(
    name: Name,
    plan: Annotated[
        str | None,
        typer.Option(
            "--plan",
            metavar="HASH",
            help="Approve only if this is the plan, sha256:….",
            show_default="the plan in the status",
        ),
    ] = None,
    reason: Annotated[
        str, typer.Option("--reason", help="Why, for the record.", metavar="TEXT", show_default=False)
    ] = "",
    wait: Wait = False,
    interval: Interval = 1.0,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Approve the plan of a run that waits for approval; a plan that changes later waits again."""
    from roleshift.cli import changes, watching

    where = Where(namespace, context, kubeconfig)
    changes.approve(where, name, plan, reason)
    if wait:
        raise typer.Exit(watching.wait(where, name, Wanted.DONE, watching.Patience(interval)))


def rollback(
    name: Name,
    reason: Annotated[
        str, typer.Option("--reason", help="Why, for the record.", metavar="TEXT", show_default=False)
    ],
    wait: Wait = False,
    interval: Interval = 1.0,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Ask for the old roles back (also: abort). A write under way is cancelled, a finished one undone."""
    from roleshift.cli import changes, watching

    where = Where(namespace, context, kubeconfig)
    changes.request_rollback(where, name, reason)
    if wait:
        patience = watching.Patience(interval)
        raise typer.Exit(watching.wait(where, name, Wanted.ROLLED_BACK, patience))


def suspend(
    name: Name, namespace: Namespace = None, context: Context = None, kubeconfig: Kubeconfig = None
) -> None:
    """Let a run rest before its next step; a write that has begun is finished first."""
    from roleshift.cli import changes

    changes.suspend(Where(namespace, context, kubeconfig), name)


def resume(
    name: Name, namespace: Namespace = None, context: Context = None, kubeconfig: Kubeconfig = None
) -> None:
    """Let a suspended run go on; verify one again that waits for a decision."""
    from roleshift.cli import changes

    changes.resume(Where(namespace, context, kubeconfig), name)


def accept(
    name: Name,
    reason: Annotated[
        str, typer.Option("--reason", help="Why, for the record.", metavar="TEXT", show_default=False)
    ],
    wait: Wait = False,
    interval: Interval = 1.0,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Take the data as they are, of a run whose verification failed and that waits for a decision."""
    from roleshift.cli import changes, watching

    where = Where(namespace, context, kubeconfig)
    changes.accept(where, name, reason)
    if wait:
        raise typer.Exit(watching.wait(where, name, Wanted.DONE, watching.Patience(interval)))


def retry(
    name: Name, namespace: Namespace = None, context: Context = None, kubeconfig: Kubeconfig = None
) -> None:
    """Start a new attempt of a run that is Failed or RolledBack."""
    from roleshift.cli import changes

    changes.retry(Where(namespace, context, kubeconfig), name)


def forget(
    name: Name, namespace: Namespace = None, context: Context = None, kubeconfig: Kubeconfig = None
) -> None:
    """Clear what came here with a copy of another database out of a run's way; a ForeignRun begins anew."""
    from roleshift.cli import changes

    changes.forget(Where(namespace, context, kubeconfig), name)
