"""The client against a real API server: credentials, refusals, outages, pages."""

import asyncio
import http.server
import json
import threading
from pathlib import Path
from typing import Any, ClassVar

import pytest

from localenv.controlplane import ControlPlane
from localenv.kubeconfig import Endpoint, write_kubeconfig
from roleshift.cluster.client import (
    USER_AGENT,
    ApiError,
    ConflictError,
    InvalidError,
    KubernetesClient,
    NotFoundError,
)
from roleshift.cluster.identity import cluster_uid
from roleshift.cluster.migrations import RoleMigrations
from roleshift.engine.identity import ObjectKey, ObjectRef
from roleshift.errors import ClusterError, Reason
from support.minimal_object import MINIMAL, stored


async def test_writes_carry_the_field_manager(
    control_plane: ControlPlane, client: KubernetesClient, ref: ObjectRef
) -> None:
    await RoleMigrations(client).patch(ref.key, {"metadata": {"annotations": {"a": "b"}}})
    managers = {
        entry["manager"] for entry in stored(control_plane, ref.namespace)["metadata"]["managedFields"]
    }
    assert "roleshift" in managers


async def test_each_attempt_is_counted(control_plane: ControlPlane, namespace: str) -> None:
    seen: list[tuple[str, str]] = []
    client = KubernetesClient.from_environment(
        kubeconfig=str(control_plane.kubeconfig), on_request=lambda verb, code: seen.append((verb, code))
    )
    await RoleMigrations(client).list(namespace)
    with pytest.raises(NotFoundError):
        await RoleMigrations(client).get(ObjectKey(namespace, "nobody"))
    client.close()
    assert seen == [("GET", "200"), ("GET", "404")]


@pytest.mark.parametrize(
    ("patch", "error"),
    [
        ({"metadata": {"resourceVersion": "1"}}, ConflictError),
        ({"spec": {"suspend": "perhaps"}}, InvalidError),
    ],
)
async def test_refusals_have_a_class_each(
    client: KubernetesClient, ref: ObjectRef, patch: dict[str, Any], error: type[ApiError]
) -> None:
    with pytest.raises(error) as caught:
        await RoleMigrations(client).patch(ref.key, patch)
    assert caught.value.reason is Reason.KUBERNETES_REFUSED
    assert "minimal" in caught.value.message


async def test_a_forbidden_request_says_what_is_missing(control_plane: ControlPlane, namespace: str) -> None:
    control_plane.kubectl("create", "serviceaccount", "nobody", "-n", namespace)
    kubeconfig = control_plane.service_account_kubeconfig(namespace, "nobody", 600)
    client = KubernetesClient.from_environment(kubeconfig=str(kubeconfig))
    with pytest.raises(ApiError) as caught:
        await RoleMigrations(client).list(namespace)
    client.close()
    assert (caught.value.code, caught.value.retryable) == (403, True)
    assert "cannot list resource" in caught.value.message


async def test_an_unreachable_server_is_worth_trying_again(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    nowhere = write_kubeconfig(
        tmp_path / "k", Endpoint("https://127.0.0.1:1", control_plane.ca), "u", "token-of-nobody"
    )
    client = KubernetesClient.from_environment(kubeconfig=str(nowhere))
    with pytest.raises(ClusterError) as caught:
        await RoleMigrations(client).list()
    client.close()
    assert (caught.value.reason, caught.value.retryable) == (Reason.KUBERNETES_UNAVAILABLE, True)
    assert "token-of-nobody" not in str(caught.value)


async def test_a_server_that_hangs_is_given_up_in_time(control_plane: ControlPlane, namespace: str) -> None:
    client = KubernetesClient.from_environment(kubeconfig=str(control_plane.kubeconfig), timeout=0.5)
    await RoleMigrations(client).list(namespace)
    control_plane.pause_api()
    try:
        with pytest.raises(ClusterError) as caught:
            await asyncio.wait_for(RoleMigrations(client).list(namespace), 5)
    finally:
        control_plane.resume_api()
        client.close()
    assert caught.value.retryable


async def test_credentials_that_were_replaced_are_read_again(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    endpoint = Endpoint(control_plane.server, control_plane.ca)
    kubeconfig = write_kubeconfig(tmp_path / "k", endpoint, "u", "expired")
    client = KubernetesClient.from_environment(kubeconfig=str(kubeconfig))
    with pytest.raises(ApiError) as caught:
        await RoleMigrations(client).list(namespace)
    assert (caught.value.code, caught.value.retryable) == (401, True)
    kubeconfig.write_text(control_plane.kubeconfig.read_text())
    assert await RoleMigrations(client).list(namespace) == []
    client.close()


async def test_a_pod_uses_its_service_account_and_reads_its_token_again(
    control_plane: ControlPlane, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = json.loads(control_plane.kubeconfig.read_text())["users"][0]["user"]["token"]
    token = tmp_path / "token"
    token.write_text("expired")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(control_plane.port))
    monkeypatch.setattr("kubernetes.config.incluster_config.SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr("kubernetes.config.incluster_config.SERVICE_CERT_FILENAME", str(control_plane.ca))
    client = KubernetesClient.from_environment()
    token.write_text(admin)
    assert await RoleMigrations(client).list(namespace) == []
    assert (await client.credentials()).authorization.lower() == f"bearer {admin}"
    client.close()


async def test_no_credentials_at_all_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ClusterError, match="set KUBECONFIG") as caught:
        KubernetesClient.from_environment()
    assert not caught.value.retryable


class Overloaded(http.server.BaseHTTPRequestHandler):
    """Answers 429 twice, as an API server under load does, then gives an empty object."""

    requests: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.requests.append(self.headers["User-Agent"])
        busy = len(self.requests) < 3
        self.send_response(429 if busy else 200)
        if busy:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


async def test_a_busy_server_is_asked_again_when_it_says_so(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    Overloaded.requests.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Overloaded) as server:
        threading.Thread(target=server.serve_forever).start()
        endpoint = Endpoint(f"http://127.0.0.1:{server.server_port}", control_plane.ca)
        client = KubernetesClient.from_environment(
            kubeconfig=str(write_kubeconfig(tmp_path / "k", endpoint, "u", "t"))
        )
        started = asyncio.get_running_loop().time()
        assert await client.request("GET", "/apis") == {}
        assert 1.9 <= asyncio.get_running_loop().time() - started < 10
        client.close()
        server.shutdown()
    assert Overloaded.requests == [USER_AGENT] * 3


async def test_a_long_list_comes_in_pages_and_metadata_only(
    control_plane: ControlPlane, client: KubernetesClient, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roleshift.cluster.migrations._PAGE", 2)
    manifest = MINIMAL.read_text()
    for number in range(5):
        control_plane.apply(manifest.replace("name: minimal", f"name: m{number}", 1), namespace)
    migrations = RoleMigrations(client)
    listed = {item["metadata"]["name"]: item["metadata"]["uid"] for item in await migrations.list(namespace)}
    assert sorted(listed) == ["m0", "m1", "m2", "m3", "m4"]
    found = await migrations.incarnations(namespace)
    assert found == {ObjectKey(namespace, name): uid for name, uid in listed.items()}


async def test_the_kind_is_found_in_the_discovery(client: KubernetesClient) -> None:
    assert await RoleMigrations(client).served()


async def test_the_cluster_has_an_identity(control_plane: ControlPlane, client: KubernetesClient) -> None:
    told = control_plane.kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}").stdout
    assert await cluster_uid(client) == told
