"""What a manifest may ask for that this version does not do yet: refused by name, never ignored."""

from collections.abc import Callable
from dataclasses import dataclass

from roleshift.api import (
    RoleMigrationSpec,
    StrategyType,
)

SUPPORTED_LIMITS: frozenset[str] = frozenset(
    {
        "max_active_users",
        "max_database_bytes",
        "max_connections_percent",
        "max_io_pressure_percent",
        "max_load_per_cpu",
        "max_long_transaction_seconds",
        "max_replication_lag_seconds",
        "max_transaction_seconds",
        "min_free_memory_percent",
    }
)
"""Fields of spec.checks.limits that a check of this version judges."""


@dataclass(frozen=True, slots=True)
class _Missing:
    """One thing that is not built: the field to blame, when it is asked for, and what to do."""

    field: str
    is_asked: Callable[[RoleMigrationSpec], bool]
    instead: str


_MISSING: tuple[_Missing, ...] = (
    _Missing(
        "connection.clusterRef", lambda s: s.connection.cluster_ref is not None, "use connection.secretRef"
    ),
    _Missing("strategy.type", lambda s: s.strategy.type is StrategyType.BATCHED, "use Transaction"),
    _Missing("observation", lambda s: s.observation is not None, "remove it"),
    _Missing("window", lambda s: s.window is not None, "remove it"),
    _Missing("maintenance", lambda s: s.maintenance is not None, "remove it"),
)


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A field that asks for something not built yet, and what to write instead."""

    field: str
    instead: str

    def __str__(self) -> str:
        return (
            f"{self.field} asks for something that this version of Roleshift does not do yet: {self.instead}"
        )


def unsupported_fields(spec: RoleMigrationSpec) -> tuple[Unsupported, ...]:
    """Every field of the spec that this version can't honour, in the spec's order."""
    missing = [Unsupported(f"spec.{m.field}", m.instead) for m in _MISSING if m.is_asked(spec)]
    return (*missing, *_unsupported_limits(spec))


def _unsupported_limits(spec: RoleMigrationSpec) -> tuple[Unsupported, ...]:
    limits = spec.checks.limits
    asked = sorted(limits.model_fields_set - SUPPORTED_LIMITS)
    fields = type(limits).model_fields
    return tuple(
        Unsupported(f"spec.checks.limits.{fields[name].alias}", "remove it: no check judges it yet")
        for name in asked
    )
