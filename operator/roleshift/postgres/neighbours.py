"""Other runs in the ledger: who occupies a target, who wrote to it later, and which were copied here.

A run is copied here when its row was made in another database and came with a copy of that one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from roleshift.engine.identity import RunIdentity
from roleshift.engine.neighbours import Neighbour
from roleshift.engine.run import RunRecord
from roleshift.postgres.session import Session
from roleshift.postgres.statements import image_table, in_this_database, statement


async def occupant(session: Session, run: RunRecord) -> Neighbour | None:
    """Another run that occupies the run's target, if there is one."""
    params = {
        "run_id": run.run_id,
        "target_oid": run.target_oid,
        "cluster_uid": run.identity.cluster_uid,
    }
    rows = await session.rows(in_this_database("run_rivals"), params)
    return Neighbour(**rows[0]) if rows else None


async def newer(session: Session, run: RunRecord) -> Neighbour | None:
    """The last run that wrote to the run's target after it and was not rolled back, if there is one."""
    row = await session.row_or_none(statement("run_newer"), {"run_id": run.run_id})
    return None if row is None else Neighbour(**row)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was cleared out of the way.

    Attributes:
        runs: namespace and name of each run.
        images: tables of the ledger that were dropped.
    """

    runs: tuple[str, ...]
    images: tuple[str, ...]


async def forget_copied(
    session: Session, identity: RunIdentity, target_oid: int | None, forgotten_by: str
) -> Forgotten:
    """Forget the copied runs of a name, and those on a target, with their images; in the open transaction.

    Runs that were made in this database are never touched.

    Args:
        forgotten_by: who asked for it, for people.

    Raises:
        DatabaseError: PermissionDenied when an image belongs to somebody else.
    """
    params = {
        "namespace": identity.namespace,
        "name": identity.name,
        "target_oid": target_oid,
        "forgotten_by": forgotten_by,
    }
    rows = await session.rows(in_this_database("run_forget"), params)
    images = await _drop_images(session, [row["run_id"] for row in rows])
    return Forgotten(tuple(f"{row['namespace']}/{row['name']}" for row in rows), images)


async def _drop_images(session: Session, run_ids: Sequence[object]) -> tuple[str, ...]:
    rows = await session.rows(statement("run_images"), {"run_ids": list(run_ids)})
    for row in rows:
        await session.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(image_table(row["name"])))
        await session.execute(statement("image_forget"), {"run_id": row["run_id"]})
    return tuple(row["name"] for row in rows)
