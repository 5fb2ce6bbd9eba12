"""What the database's pods use, read from the metrics API under the operator's rights."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from localenv.controlplane import ControlPlane
from roleshift.cluster.client import KubernetesClient
from roleshift.cluster.pod_metrics import PodMetricsReader
from roleshift.engine.facts.resources import ContainerUsage, PodFacts
from roleshift.errors import ClusterError
from support.cases import Case
from support.pod_metrics import LABELS, measure, metrics_api, run_pod

LIMITS = {"memory": "4Gi", "cpu": "2"}
SELECTOR: dict[str, Any] = {"connection": {"podSelector": {"matchLabels": LABELS}}}


@pytest.fixture(scope="class")
def served(control_plane: ControlPlane) -> Iterator[None]:
    """The metrics API, for a class of tests."""
    with metrics_api(control_plane):
        yield


@asynccontextmanager
async def reader(kubeconfig: Path) -> AsyncIterator[tuple[PodMetricsReader, list[str]]]:
    """A reader, and the requests that it made."""
    requests: list[str] = []
    client = KubernetesClient.from_environment(
        kubeconfig=str(kubeconfig),
        timeout=10,
        on_request=lambda method, code: requests.append(f"{method} {code}"),
    )
    try:
        yield PodMetricsReader(client), requests
    finally:
        client.close()


async def read(kubeconfig: Path, namespace: str) -> PodFacts:
    async with reader(kubeconfig) as (pods, _):
        return await pods.read(namespace, LABELS)


@pytest.mark.usefixtures("served")
class TestTheReader:
    async def test_usage_and_limits_come_together_in_two_requests(
        self, control_plane: ControlPlane, operator_kubeconfig: Path, namespace: str
    ) -> None:
        run_pod(control_plane.api, namespace, limits=LIMITS)
        measure(control_plane.api, namespace, cpu="250m", memory="1536Mi")
        async with reader(operator_kubeconfig) as (pods, requests):
            (found,) = (await pods.read(namespace, LABELS)).containers
        assert requests == ["GET 200", "GET 200"]
        assert found == ContainerUsage(
            pod="people-db-0",
            container="postgres",
            memory_bytes=1536 << 20,
            memory_limit=4 << 30,
            cpus=0.25,
            cpu_limit=2.0,
            cpu_request=2.0,
            measured=found.measured,
        )

    async def test_a_pod_that_does_not_run_does_not_count(
        self, control_plane: ControlPlane, operator_kubeconfig: Path, namespace: str
    ) -> None:
        for name, phase in (("people-db-0", "Running"), ("people-db-1", "Failed")):
            run_pod(control_plane.api, namespace, name, phase=phase)
            measure(control_plane.api, namespace, name)
        found = await read(operator_kubeconfig, namespace)
        assert [one.name for one in found.containers] == ["people-db-0/postgres"]

    async def test_pods_that_were_not_measured_yet_are_said(
        self, control_plane: ControlPlane, operator_kubeconfig: Path, namespace: str
    ) -> None:
        run_pod(control_plane.api, namespace)
        with pytest.raises(ClusterError, match='has no figures for the pods "app=people-db" yet'):
            await read(operator_kubeconfig, namespace)

    async def test_figures_that_are_none_are_said(
        self, control_plane: ControlPlane, operator_kubeconfig: Path, namespace: str
    ) -> None:
        run_pod(control_plane.api, namespace)
        measure(control_plane.api, namespace, memory="plenty")
        with pytest.raises(ClusterError, match="the metrics API's answer can't be read"):
            await read(operator_kubeconfig, namespace)

    async def test_a_metrics_api_without_rights_to_it_is_said(
        self, control_plane: ControlPlane, namespace: str
    ) -> None:
        run_pod(control_plane.api, namespace)
        control_plane.kubectl("-n", namespace, "create", "serviceaccount", "watcher")
        control_plane.kubectl("-n", namespace, "create", "role", "pods", "--verb=list", "--resource=pods")
        account = f"--serviceaccount={namespace}:watcher"
        control_plane.kubectl("-n", namespace, "create", "rolebinding", "pods", "--role=pods", account)
        watcher = control_plane.service_account_kubeconfig(namespace, "watcher")
        with pytest.raises(ClusterError, match="the metrics API is forbidden to the operator"):
            await read(watcher, namespace)


class TestTheReaderWithoutFigures:
    async def test_no_pod_is_said_without_asking_for_metrics(
        self, operator_kubeconfig: Path, namespace: str
    ) -> None:
        async with reader(operator_kubeconfig) as (pods, requests):
            with pytest.raises(ClusterError, match='"app=people-db" finds no pod: correct its labels'):
                await pods.read(namespace, LABELS)
        assert requests == ["GET 200"]

    async def test_pods_that_do_not_run_are_said(
        self, control_plane: ControlPlane, operator_kubeconfig: Path, namespace: str
    ) -> None:
        run_pod(control_plane.api, namespace, phase="Pending")
        with pytest.raises(ClusterError, match="finds 1 pods, none of which runs"):
            await read(operator_kubeconfig, namespace)

    async def test_a_cluster_without_a_metrics_api_is_said(
        self, control_plane: ControlPlane, operator_kubeconfig: Path, namespace: str
    ) -> None:
        run_pod(control_plane.api, namespace)
        with pytest.raises(ClusterError, match="the cluster has no metrics API: install metrics-server"):
            await read(operator_kubeconfig, namespace)

    async def test_missing_rights_are_said(self, control_plane: ControlPlane, namespace: str) -> None:
        body = {"metadata": {"name": "nobody"}}
        control_plane.api.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", body)
        nobody = control_plane.service_account_kubeconfig(namespace, "nobody")
        with pytest.raises(ClusterError, match="the list of pods is forbidden to the operator"):
            await read(nobody, namespace)


@pytest.mark.usefixtures("served")
class TestARun:
    def test_memory_and_cpu_are_judged_by_the_pods(
        self, control_plane: ControlPlane, namespace: str, case: Case
    ) -> None:
        run_pod(control_plane.api, namespace, limits=LIMITS)
        measure(control_plane.api, namespace, cpu="1", memory="3Gi")
        case.apply(**SELECTOR)
        results = _results(case.assert_done())
        assert (results["Memory"]["result"], results["CPU"]["result"]) == ("Passed", "Passed")
        assert (
            "1.0 GiB of 4.0 GiB free (25 %), by the metrics API for people-db-0/postgres"
            in (results["Memory"]["message"])
        )
        assert "1.00 processors in use of a limit of 2" in results["CPU"]["message"]

    def test_a_pod_that_is_full_lowers_the_score(
        self, control_plane: ControlPlane, namespace: str, case: Case
    ) -> None:
        run_pod(control_plane.api, namespace, limits=LIMITS)
        measure(control_plane.api, namespace, cpu="1", memory="3900Mi")
        case.apply(**SELECTOR, checks={"limits": {"minFreeMemoryPercent": 20}, "minimumScore": 0})
        memory = _results(case.assert_done())["Memory"]
        assert memory["result"] == "Failed"
        assert "less than minFreeMemoryPercent 20" in memory["message"]


class TestARunWithoutFigures:
    def test_a_cluster_without_a_metrics_api_is_told_and_the_run_goes_on(
        self, control_plane: ControlPlane, namespace: str, case: Case
    ) -> None:
        run_pod(control_plane.api, namespace, limits=LIMITS)
        case.apply(**SELECTOR, checks={"minimumScore": 0})
        memory = _results(case.assert_done())["Memory"]
        assert memory["result"] == "Unknown"
        assert "the cluster has no metrics API: install metrics-server" in memory["message"]


def _results(status: dict[str, Any]) -> dict[str, Any]:
    return {result["name"]: result for result in status["safety"]["results"]}
