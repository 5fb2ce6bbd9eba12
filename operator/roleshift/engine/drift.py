"""Whether a database still fits the plan that was made for it. Pure."""

from collections.abc import Sequence

from roleshift.api import UnmappedRoles
from roleshift.engine.mapping import MappingProof, MinimumHolders, shortfalls


def stale_because(
    planned: MappingProof,
    found: MappingProof,
    unmapped_roles: UnmappedRoles,
    demanded: Sequence[MinimumHolders] = (),
) -> str:
    """Why the plan no longer fits, "" where it does: new cells matter, counts only below a minimum."""
    routes = sorted(found.routes - planned.routes)
    if routes:
        return "rows appeared that the plan does not move: " + ", ".join(f"{a} → {b}" for a, b in routes)
    short = shortfalls(found.after, demanded)
    if short:
        return "fewer rows than demanded would be left: " + ", ".join(
            f"{one.role} {one.left} of {one.demanded}" for one in short
        )
    if unmapped_roles is UnmappedRoles.KEEP:
        return ""
    if found.unmapped:
        return "rows appeared with roles that no mapping names: " + ", ".join(sorted(found.unmapped))
    if found.null_rows:
        return f"{found.null_rows} rows appeared without a role"
    return ""
