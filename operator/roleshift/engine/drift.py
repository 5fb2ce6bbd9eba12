"""Whether a database still fits the plan that was made for it. Pure."""

from roleshift.api import UnmappedRoles
from roleshift.engine.mapping import MappingProof


def stale_because(planned: MappingProof, found: MappingProof, unmapped_roles: UnmappedRoles) -> str:
    """Why the plan no longer fits, "" where it does: changed counts do not matter, new cells do."""
    routes = sorted(found.routes - planned.routes)
    if routes:
        return "rows appeared that the plan does not move: " + ", ".join(f"{a} → {b}" for a, b in routes)
    if unmapped_roles is UnmappedRoles.KEEP:
        return ""
    if found.unmapped:
        return "rows appeared with roles that no mapping names: " + ", ".join(sorted(found.unmapped))
    if found.null_rows:
        return f"{found.null_rows} rows appeared without a role"
    return ""
