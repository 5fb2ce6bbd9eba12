"""Reads what the database's pods use: their limits from the pods, their usage from the metrics API.

Two requests, made only when a manifest names pods. What the figures mean is for the checks.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from roleshift.cluster.client import ApiError, KubernetesClient, NotFoundError
from roleshift.cluster.quantity import quantity
from roleshift.engine.facts.resources import ContainerUsage, PodFacts
from roleshift.errors import ClusterError, Reason

_RUNNING = "Running"
_FORBIDDEN = 403


class PodMetricsReader:
    """Reads pods and their metrics by labels."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client

    async def read(self, namespace: str, labels: Mapping[str, str]) -> PodFacts:
        """The running containers of the pods that carry every one of the labels.

        Raises:
            ClusterError: no pod carries them, the metrics API is missing or knows none of them, or a
                request was refused; the message says which, and what to do.
        """
        selector = ",".join(f"{name}={value}" for name, value in sorted(labels.items()))
        pods = await self._list("/api/v1", namespace, selector)
        running = {p["metadata"]["name"]: p for p in pods if p.get("status", {}).get("phase") == _RUNNING}
        if not running:
            found = f"{len(pods)} pods, none of which runs" if pods else "no pod"
            raise _missing(f'spec.connection.podSelector "{selector}" finds {found}: correct its labels')
        metrics = await self._list("/apis/metrics.k8s.io/v1beta1", namespace, selector)
        try:
            containers = [one for item in metrics for one in _containers(item, running)]
        except (ArithmeticError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise _missing(f"the metrics API's answer can't be read ({type(error).__name__})") from error
        if not containers:
            raise _missing(f'the metrics API has no figures for the pods "{selector}" yet: wait until it has')
        return PodFacts(containers)

    async def _list(self, group: str, namespace: str, selector: str) -> list[dict[str, Any]]:
        path = f"{group}/namespaces/{quote(namespace, safe='')}/pods"
        try:
            body = await self._client.request("GET", path, query={"labelSelector": selector})
        except NotFoundError as error:
            raise _missing("the cluster has no metrics API: install metrics-server") from error
        except ApiError as error:
            if error.code != _FORBIDDEN:
                raise
            what = "metrics API" if "metrics" in group else "list of pods"
            raise _missing(
                f"the {what} is forbidden to the operator: apply the ClusterRole of deploy/base"
            ) from error
        items: list[dict[str, Any]] = body.get("items") or []
        return items


def _containers(metrics: Mapping[str, Any], running: Mapping[str, Any]) -> Iterator[ContainerUsage]:
    name = metrics["metadata"]["name"]
    if name not in running:
        return
    resources = {c["name"]: c.get("resources") or {} for c in running[name]["spec"]["containers"]}
    measured = datetime.fromisoformat(metrics["timestamp"])
    for one in metrics.get("containers") or ():
        limits = resources.get(one["name"], {}).get("limits") or {}
        requests = resources.get(one["name"], {}).get("requests") or {}
        yield ContainerUsage(
            pod=name,
            container=one["name"],
            memory_bytes=int(quantity(one["usage"]["memory"])),
            memory_limit=_whole(limits.get("memory")),
            cpus=float(quantity(one["usage"]["cpu"])),
            cpu_limit=_fraction(limits.get("cpu")),
            cpu_request=_fraction(requests.get("cpu")),
            measured=measured,
        )


def _whole(text: object) -> int | None:
    number = _number(text)
    return None if number is None else int(number)


def _fraction(text: object) -> float | None:
    number = _number(text)
    return None if number is None else float(number)


def _number(text: object) -> Decimal | None:
    """None where there is no quantity, and for 0, which sets no limit."""
    return None if text is None else quantity(text) or None


def _missing(message: str) -> ClusterError:
    return ClusterError(Reason.KUBERNETES_REFUSED, message, retryable=True)
