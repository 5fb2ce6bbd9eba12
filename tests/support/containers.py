"""Containers of database pods, as the metrics API would tell of them, and the surroundings with them in."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.resources import ContainerUsage, PodFacts
from roleshift.engine.facts.surroundings import Surroundings

NOW = datetime.now(UTC)


def container(pod: str = "people-1", name: str = "postgres", **changes: Any) -> ContainerUsage:
    """A container that uses next to nothing and has no limits, changed.

    `memory` stands for memory_bytes.
    """
    plain = ContainerUsage(
        pod=pod,
        container=name,
        memory_bytes=changes.pop("memory", 1),
        memory_limit=None,
        cpus=0.0,
        cpu_limit=None,
        cpu_request=None,
        measured=NOW,
    )
    return replace(plain, **changes)


def seen(*containers: ContainerUsage, failure: ProbeFailure | None = None) -> Surroundings:
    """Surroundings in which these containers were seen, or in which they could not be."""
    return Surroundings(NOW, failure or PodFacts(containers))
