"""What fires on a write, what hides rows, and what was built upon the roles; from the catalog alone."""

from dataclasses import dataclass
from typing import Any

from roleshift.engine.facts.dependencies import (
    DependencyFacts,
    Dependent,
    DependentKind,
    RowSecurityFacts,
    Rule,
    Trigger,
)
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.postgres.probes.batch import Answers, Probe, Rows, sql_probe
from roleshift.postgres.probes.wanted import Wanted


def row_security_probe(wanted: Wanted) -> Probe[RowSecurityFacts]:
    """Whether policies apply to the run's role; no facts where there is no table."""
    return sql_probe("row_security", _row_security, {"schema": wanted.schema, "table": wanted.table})


def _row_security(rows: Rows) -> RowSecurityFacts:
    if not rows:
        return RowSecurityFacts(hides_rows=False, enabled=False, forced=False, owner=False)
    return RowSecurityFacts(**rows[0])


@dataclass(frozen=True, slots=True)
class DependencyProbes:
    """The three probes of which one look's dependencies consist."""

    triggers: Probe[tuple[Trigger, ...]]
    rules: Probe[tuple[Rule, ...]]
    dependents: Probe[tuple[Dependent, ...]]

    @classmethod
    def of(cls, wanted: Wanted) -> "DependencyProbes":
        """For a manifest."""
        names = {"schema": wanted.schema, "table": wanted.table}
        return cls(
            triggers=sql_probe("triggers", _triggers, {**names, "written": list(wanted.written)}),
            rules=sql_probe("rules", _rules, names),
            dependents=sql_probe(
                "dependents", _dependents, {**wanted.names, "vanishing": list(wanted.vanishing)}
            ),
        )

    @property
    def all(self) -> list[Probe[Any]]:
        """All of them, for a batch."""
        return [self.triggers, self.rules, self.dependents]

    def facts(self, answers: Answers) -> DependencyFacts | ProbeFailure:
        """What they told; one that failed leaves nothing to judge."""
        triggers, rules = answers.of(self.triggers), answers.of(self.rules)
        dependents = answers.of(self.dependents)
        if isinstance(triggers, ProbeFailure):
            return triggers
        if isinstance(rules, ProbeFailure):
            return rules
        if isinstance(dependents, ProbeFailure):
            return dependents
        others = tuple(one for one in dependents if one.kind is not DependentKind.POLICY)
        return DependencyFacts(triggers, rules, others)

    def policies(self, answers: Answers) -> tuple[Dependent, ...] | ProbeFailure:
        """Policies among them."""
        dependents = answers.of(self.dependents)
        if isinstance(dependents, ProbeFailure):
            return dependents
        return tuple(one for one in dependents if one.kind is DependentKind.POLICY)


def _triggers(rows: Rows) -> tuple[Trigger, ...]:
    return tuple(Trigger(**row) for row in rows)


def _rules(rows: Rows) -> tuple[Rule, ...]:
    return tuple(Rule(**row) for row in rows)


def _dependents(rows: Rows) -> tuple[Dependent, ...]:
    return tuple(
        Dependent(DependentKind(row["kind"]), row["name"], row["definition"] or "", tuple(row["roles"]))
        for row in rows
    )
