"""What a rollback restores: from the plan that the run had, on the table as it is now."""

from collections.abc import Iterable
from dataclasses import replace

from roleshift.engine.mapping import reversed_routes
from roleshift.engine.run import Image
from roleshift.phases.context import Context
from roleshift.postgres.restore import Restoration
from roleshift.postgres.restored_shape import restored_shape
from roleshift.postgres.way_back import WayBack


async def restoration(context: Context, kept: Image) -> Restoration:
    """What is restored from an image.

    Raises:
        DatabaseError: a column or a role that the restore needs is gone from the table.
    """
    moving, stored = context.moving, context.plan.shape.stored
    old_roles = [] if stored else [cell.from_role for cell in context.plan.proof.cells]
    table = await restored_shape(context.work, moving.shape, kept.name, old_roles)
    routes = {} if moving.shape.is_array else reversed_routes(context.plan.proof.cells, kept.arrived)
    return Restoration(
        run=context.run,
        moving=replace(moving, shape=table.shape),
        way=WayBack(table, kept.name, context.spec.rollback.on_conflict),
        reversed_routes={stored.get(to, to): stored.get(old, old) for to, old in routes.items()},
        new_only=tuple(dict.fromkeys(stored.get(role, role) for role in _only_new(context, kept.arrived))),
    )


def _only_new(context: Context, arrived: Iterable[str]) -> list[str]:
    """Roles of the new set that nobody held before the run outside the image."""
    mappings = context.spec.mappings
    known = {*(m.from_role for m in mappings), *arrived}
    return [m.to_role for m in mappings if m.to_role not in known]
