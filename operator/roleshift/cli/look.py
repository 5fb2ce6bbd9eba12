"""A manifest and what was found for it: what every report of a look begins with. Pure."""

from dataclasses import dataclass
from typing import Any

from roleshift.api import RoleMigration
from roleshift.cli.exit_codes import ExitCode
from roleshift.engine.score import GateOpen
from roleshift.phases.examination import Examination


@dataclass(frozen=True)
class Look:
    """A manifest and what was found for it.

    Attributes:
        refused: what the manifest asks for and this version does not do.
    """

    migration: RoleMigration
    found: Examination
    refused: tuple[str, ...]

    @property
    def name(self) -> str:
        """`namespace/name`."""
        return f"{self.migration.metadata.namespace}/{self.migration.metadata.name}"

    @property
    def table(self) -> str:
        """`schema.table` as the manifest names it."""
        target = self.migration.spec.target
        return f"{target.schema_name}.{target.table}"

    @property
    def is_open(self) -> bool:
        """Whether a run of this manifest would go on to write."""
        return isinstance(self.found.gate, GateOpen) and not self.refused

    @property
    def exit_code(self) -> ExitCode:
        """Wanted where a run could go on to write."""
        return ExitCode.WANTED if self.is_open else ExitCode.FAILED

    @property
    def gate_document(self) -> dict[str, Any]:
        """Whether the gate is open, and why not."""
        gate = self.found.gate
        closed = {} if isinstance(gate, GateOpen) else {"reason": gate.reason, "message": gate.message}
        return {"open": self.is_open, "minimumScore": self.migration.spec.checks.minimum_score, **closed}

    @property
    def heading_document(self) -> dict[str, Any]:
        """What every report of a look begins with, as JSON."""
        meta = self.migration.metadata
        return {
            "namespace": meta.namespace,
            "name": meta.name,
            "table": self.table,
            "gate": self.gate_document,
            "notSupported": list(self.refused),
        }

    def verdict(self, when_open: str) -> list[str]:
        """What is not supported, and the gate; each one line.

        Args:
            when_open: what is said of an open gate; "" says nothing.
        """
        lines = [f"Not supported: {one}" for one in self.refused]
        gate = self.found.gate
        if not isinstance(gate, GateOpen):
            lines.append(f"The gate is closed, {gate.reason}: {' '.join(gate.message.split())}")
        elif self.is_open and when_open:
            lines.append(when_open)
        return lines
