"""Sets the stage: real servers, the CRD, the operator under deploy/base's service account, the users."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from demo.data import create_users
from demo.narrator import Narrator
from demo.person import NAMESPACE, Person
from localenv.controlplane import ControlPlane
from localenv.database import Database
from localenv.operator import OPERATOR_ACCOUNT, OPERATOR_NAMESPACE, OperatorProcess
from localenv.postgres import PostgresServer
from localenv.repository import DEPLOY_BASE

_TOKEN_SECONDS = 3600


@dataclass(frozen=True)
class Stage:
    """What the acts play on."""

    database: Database
    person: Person
    operator: OperatorProcess


@contextmanager
def stage(narrator: Narrator, rows: int) -> Iterator[Stage]:
    """Start everything with progress shown; end and remove it all on the way out, however that is."""
    with ExitStack() as running:
        with narrator.doing("PostgreSQL 18"):
            server = running.enter_context(PostgresServer(18))
        with narrator.doing(f"a database with {rows:,} users"):
            database = create_users(server, rows)
        with narrator.doing("kube-apiserver, etcd, and the CRD"):
            control_plane = ControlPlane()
            os.environ["KUBECACHEDIR"] = str(control_plane.folder / "cache")  # not in the home folder
            running.enter_context(control_plane)
        with narrator.doing("deploy/base: service account and RBAC"):
            control_plane.kubectl("apply", "--server-side", f"--kustomize={DEPLOY_BASE}")
            person = Person(control_plane, narrator)
            person.create_quietly(_NAMESPACE)
            person.create_quietly(_secret(database))
        with narrator.doing("the operator, with that service account's token"):
            account = control_plane.service_account_kubeconfig(
                OPERATOR_NAMESPACE, OPERATOR_ACCOUNT, _TOKEN_SECONDS
            )
            operator = running.enter_context(OperatorProcess(account))
        yield Stage(database, person, operator)


_NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


def _secret(database: Database) -> dict[str, object]:
    metadata = {"name": "people-db", "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"uri": database.uri}}
