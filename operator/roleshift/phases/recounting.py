"""Counting again what the plan was made from, inside a snapshot that will write."""

from collections.abc import Mapping
from dataclasses import dataclass

from roleshift.engine import drift
from roleshift.engine.facts.table import LookupFacts, RoleFacts
from roleshift.engine.mapping import Demand, MappingProof, demands, prove_mapping
from roleshift.phases.context import Context
from roleshift.postgres import role_counts, turns


@dataclass(frozen=True, slots=True)
class Recount:
    """Roles as they are now, and what the mapping makes of them.

    Attributes:
        merged: rows that Merge removes.
    """

    roles: RoleFacts
    proof: MappingProof
    merged: int = 0


async def stale_because(context: Context) -> str:
    """Why the plan no longer fits the table, "" where it does. What Merge will remove is not known yet."""
    lookup = await role_counts.look_up(context.work, context.spec.target.lookup)
    changed = _lookup_changed(context, lookup)
    if changed:
        return changed
    roles = await role_counts.count_roles(context.work, context.moving, lookup)
    return why_stale(context, prove_mapping(context.spec.mappings, roles))


async def recount(context: Context, image: str) -> Recount | str:
    """Roles under the write's lock, or why the plan no longer fits.

    Args:
        image: up to date with the table.
    """
    lookup = await role_counts.look_up(context.work, context.spec.target.lookup)
    changed = _lookup_changed(context, lookup)
    if changed:
        return changed
    roles = await role_counts.count_roles(context.work, context.moving, lookup)
    merged = _by_name(await turns.merged_rows(context.work, context.plan.shape, image), lookup)
    proof = prove_mapping(context.spec.mappings, roles, merged)
    return why_stale(context, proof) or Recount(roles, proof, sum(merged.values()))


def why_stale(context: Context, found: MappingProof) -> str:
    """Why a plan does not fit what was counted, "" where it does."""
    return drift.stale_because(
        context.plan.proof, found, context.spec.unmapped_roles, demanded(context, found)
    )


def demanded(context: Context, proof: MappingProof) -> tuple[Demand, ...]:
    """Who must hold which role afterwards."""
    scoped = context.spec.target.scope is not None
    return demands(context.spec.privileges.keep_at_least, proof.before if scoped else None)


def _by_name(merged: Mapping[str, int], lookup: LookupFacts | None) -> dict[str, int]:
    names = lookup.names if lookup else {}
    return {names.get(role, role): rows for role, rows in merged.items()}


def _lookup_changed(context: Context, lookup: LookupFacts | None) -> str:
    """Why keys no longer mean what they meant when the plan was made."""
    if lookup is None:
        return ""
    keys = lookup.keys
    off = sorted(name for name, key in context.plan.shape.stored.items() if keys.get(name) != key)
    return f"the lookup table has another key for {', '.join(off)}" if off else ""
