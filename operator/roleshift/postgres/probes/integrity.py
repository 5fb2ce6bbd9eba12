"""What surrounds the target: the catalog is asked first, and rows are counted where it leaves a doubt."""

from dataclasses import replace
from typing import Any

from roleshift.engine.facts.dependencies import DependencyFacts, RowSecurityFacts
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.references import ReferenceFacts, UnwatchedIndex
from roleshift.engine.target import TargetFacts
from roleshift.postgres.probes.batch import Answers, Probe
from roleshift.postgres.probes.dependencies import DependencyProbes, row_security_probe
from roleshift.postgres.probes.duplicates import duplicate_facts, duplicates_probes, unwatched_probe
from roleshift.postgres.probes.references import (
    ReferenceCatalog,
    assignments_probe,
    counting_probes,
    foreign_keys_probe,
    reference_facts,
)
from roleshift.postgres.probes.wanted import Wanted


class InCatalog:
    """What the catalog tells; asked by name, so that it needs no batch of its own."""

    def __init__(self, wanted: Wanted) -> None:
        self.foreign_keys = foreign_keys_probe(wanted)
        self.assignments = assignments_probe(wanted)
        self.unwatched = unwatched_probe(wanted)
        self.row_security = row_security_probe(wanted)
        self.dependencies = DependencyProbes.of(wanted)

    @property
    def probes(self) -> list[Probe[Any]]:
        """All of them."""
        return [
            self.foreign_keys,
            self.assignments,
            self.unwatched,
            self.row_security,
            *self.dependencies.all,
        ]


class OnRows:
    """What has to be counted for the answers that the catalog gave."""

    def __init__(self, wanted: Wanted, target: TargetFacts, catalog: InCatalog, told: Answers) -> None:
        self._wanted = wanted
        self._catalog = catalog
        self._told = told
        self._keys = ReferenceCatalog(told.of(catalog.foreign_keys), told.of(catalog.assignments))
        self._counting = counting_probes(wanted, target, self._keys)
        self._doubling = duplicates_probes(wanted, target, told.of(catalog.unwatched))

    @property
    def probes(self) -> list[Probe[Any]]:
        """All of them."""
        return [*self._counting, *self._doubling]

    def references(self, counted: Answers) -> ReferenceFacts | ProbeFailure:
        """Foreign keys and assignments."""
        return reference_facts(self._wanted, self._keys, counted, self._counting)

    def unwatched(self, counted: Answers) -> tuple[UnwatchedIndex, ...] | ProbeFailure:
        """Values that should be unique."""
        return duplicate_facts(self._told.of(self._catalog.unwatched), counted, self._doubling)

    @property
    def row_security(self) -> RowSecurityFacts | ProbeFailure:
        """What row-level security hides, and policies that name a role which goes away."""
        security = self._told.of(self._catalog.row_security)
        if isinstance(security, ProbeFailure):
            return security
        return replace(security, policies=self._catalog.dependencies.policies(self._told))

    @property
    def dependencies(self) -> DependencyFacts | ProbeFailure:
        """What fires, and what was built upon the roles."""
        return self._catalog.dependencies.facts(self._told)
