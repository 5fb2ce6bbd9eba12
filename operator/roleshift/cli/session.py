"""RoleMigrations of one cluster with the rights of the person who calls.

What goes wrong becomes an error that this person can act on. All access goes through
roleshift.cluster; nothing is printed here.
"""

import asyncio
import difflib
import getpass
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml

from roleshift.api import API_VERSION
from roleshift.cli.exit_codes import CommandError
from roleshift.cli.kubeconfig import default_namespace
from roleshift.cli.options import Where
from roleshift.cli.subject import Subject, subject_of
from roleshift.cluster.client import ApiError, KubernetesClient, NotFoundError
from roleshift.cluster.migrations import RoleMigrations, collection_path, object_path
from roleshift.cluster.transport import CredentialSource
from roleshift.engine.identity import ObjectKey
from roleshift.errors import ClusterError

_REQUEST_SECONDS = 10.0
_TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"
_REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_HOW_TO_INSTALL = "kubectl apply --server-side --kustomize deploy/base"
_SIMILAR = 3


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An object as it was last read.

    Attributes:
        outage: why it could not be read again since, or "".
    """

    subject: Subject
    outage: str = ""


class Session:
    """Reads and patches; every method raises CommandError or ClusterError with one clear line."""

    def __init__(self, client: KubernetesClient, namespace: str) -> None:
        self.namespace = namespace
        self._client = client
        self._migrations = RoleMigrations(client)

    def key(self, name: str) -> ObjectKey:
        """The key of NAME in this session's namespace; `kind/NAME`, as `-o name` prints it, works too."""
        return ObjectKey(self.namespace, name.rpartition("/")[2])

    async def get(self, name: str) -> dict[str, Any]:
        """The object as the API server has it now."""
        key = self.key(name)
        try:
            return await self._migrations.get(key)
        except NotFoundError:
            await self._is_missing(key)
        except ApiError as error:
            raise _refused(error, "get", self.namespace) from error

    async def list(self, namespace: str | None) -> list[dict[str, Any]]:
        """All objects of a namespace, or of the cluster when it is None."""
        try:
            return await self._migrations.list(namespace)
        except NotFoundError:
            await self._must_be_installed()
            raise
        except ApiError as error:
            raise _refused(error, "list", namespace) from error

    async def table(self, namespace: str | None, name: str | None) -> dict[str, Any]:
        """The meta.k8s.io/v1 Table that kubectl prints too, of one object or of a collection."""
        path = collection_path(namespace) if name is None else object_path(self.key(name))
        try:
            return await self._client.request("GET", path, accept=_TABLE)
        except NotFoundError:
            if name is not None:
                await self._is_missing(self.key(name))
            await self._must_be_installed()
            raise
        except ApiError as error:
            raise _refused(error, "list" if name is None else "get", namespace) from error

    async def patch(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Merge `body` into the object."""
        try:
            return await self._migrations.patch(self.key(name), body)
        except NotFoundError:
            await self._is_missing(self.key(name))
        except ApiError as error:
            raise _refused(error, "patch", self.namespace) from error

    async def user(self) -> str:
        """Who the API server takes the caller for; an old one can't say, then the login name."""
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        try:
            answer = await self._client.request("POST", _REVIEW, review)
        except ApiError:
            return getpass.getuser()
        return str(answer["status"]["userInfo"]["username"])

    async def snapshots(self, name: str, interval: float) -> AsyncIterator[Snapshot]:
        """The object again and again, every `interval` seconds, for ever.

        Outages after the first look are reported and outlasted; an object that is deleted meanwhile
        is a CommandError.
        """
        subject = subject_of(await self.get(name))
        yield Snapshot(subject)
        while True:
            await asyncio.sleep(interval)
            try:
                subject = subject_of(await self._migrations.get(self.key(name)))
                yield Snapshot(subject)
            except NotFoundError:
                raise CommandError(f"{subject} was deleted meanwhile") from None
            except ClusterError as error:
                if not error.retryable:
                    raise
                yield Snapshot(subject, error.message)

    # What went wrong, in words

    async def _is_missing(self, key: ObjectKey) -> NoReturn:
        await self._must_be_installed()
        hint = await self._hint(key)
        raise CommandError(f"there is no RoleMigration {key.name} in namespace {key.namespace}{hint}")

    async def _must_be_installed(self) -> None:
        if not await self._migrations.served():
            raise CommandError(
                f"this cluster does not know {API_VERSION}: install Roleshift first ({_HOW_TO_INSTALL})"
            )

    async def _hint(self, key: ObjectKey) -> str:
        there = await self._visible(key.namespace)
        here = sorted(other.name for other in there if other.namespace == key.namespace)
        elsewhere = sorted(other.namespace for other in there if other.name == key.name)
        similar = difflib.get_close_matches(key.name, here, _SIMILAR)
        if elsewhere:
            return f"; there is one in namespace {', '.join(elsewhere)}: use -n"
        if similar:
            return f"; did you mean {' or '.join(similar)}?"
        return f"; there is {', '.join(here[:_SIMILAR])}" if here else ""

    async def _visible(self, namespace: str) -> tuple[ObjectKey, ...]:
        """What the caller may list: everywhere, or here, or nothing."""
        for place in (None, namespace):
            try:
                return tuple(await self._migrations.incarnations(place))
            except ApiError:
                continue
        return ()


def _refused(error: ApiError, verb: str, namespace: str | None) -> ClusterError | CommandError:
    match error.code:
        case 401:
            return CommandError("the Kubernetes API does not accept your credentials: log in again")
        case 403:
            role = "roleshift-edit" if verb == "patch" else "roleshift-view"
            place = "the whole cluster" if namespace is None else f"namespace {namespace}"
            return CommandError(
                f"you may not {verb} RoleMigrations in {place}: "
                f"ask for a binding to the ClusterRole {role} there"
            )
        case _:
            return error


@contextmanager
def connected(where: Where) -> Iterator[Session]:
    """A session with the cluster that the flags and the kubeconfig name; nothing is sent yet.

    Raises:
        CommandError: the kubeconfig can't be read.
        ClusterError: it has no such context or no credentials.
    """
    source = CredentialSource(where.kubeconfig, where.context)
    try:
        client = KubernetesClient.from_environment(where.context, where.kubeconfig, _REQUEST_SECONDS)
        namespace = where.namespace or default_namespace(source.path(), where.context)
    except yaml.YAMLError as error:
        raise CommandError(
            f"the kubeconfig {source.path()} is no YAML: {' '.join(str(error).split())}"
        ) from error
    try:
        yield Session(client, namespace)
    except ClusterError as error:
        if isinstance(error, ApiError):
            raise
        raise CommandError(f"{error.message}; check the cluster, --context and --kubeconfig") from error
    finally:
        client.close()
