"""What is looked at outside the database, and that nothing is asked where nothing is named."""

from datetime import UTC, datetime
from typing import Any
from unittest.mock import AsyncMock, Mock

from roleshift.api import parse_migration
from roleshift.archive.store import StoreAddress
from roleshift.controller.credentials import Remembered
from roleshift.controller.ports import Ports
from roleshift.controller.surroundings import surroundings_of
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.resources import PodFacts
from roleshift.engine.facts.surroundings import Surroundings
from roleshift.errors import ClusterError, Reason
from support.containers import container
from support.migrations import SPEC, merged

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SELECTOR = {"connection": {"podSelector": {"matchLabels": {"app": "people-db"}}}}


async def looked(pods: Mock, **changes: Any) -> Surroundings:
    body = {
        "apiVersion": "roleshift.dev/v1alpha1",
        "kind": "RoleMigration",
        "metadata": {"name": "m", "namespace": "n", "uid": "u", "generation": 1, "resourceVersion": "1"},
        "spec": merged(SPEC, changes),
    }
    ports = Mock(spec=Ports, pods=pods, now=lambda: NOW)
    store = Remembered[StoreAddress](AsyncMock())
    return await surroundings_of(ports, store, parse_migration(body))


async def test_without_a_selector_no_pod_is_asked_for() -> None:
    pods = Mock(read=AsyncMock())
    assert await looked(pods) == Surroundings(NOW, None)
    pods.read.assert_not_called()


async def test_pods_are_asked_for_by_their_labels_in_the_objects_namespace() -> None:
    facts = PodFacts([container()])
    pods = Mock(read=AsyncMock(return_value=facts))
    assert await looked(pods, **SELECTOR) == Surroundings(NOW, facts)
    pods.read.assert_awaited_once_with("n", {"app": "people-db"})


async def test_why_pods_can_not_be_seen_is_a_fact() -> None:
    error = ClusterError(Reason.KUBERNETES_UNAVAILABLE, "no answer", retryable=True)
    pods = Mock(read=AsyncMock(side_effect=error))
    assert (await looked(pods, **SELECTOR)).pods == ProbeFailure(Reason.KUBERNETES_UNAVAILABLE, "no answer")
