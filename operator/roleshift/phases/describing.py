"""Lets an image say what it is, so that it can be restored from when neither ledger nor object is left."""

from typing import Any

from roleshift.api import RoleMigrationSpec
from roleshift.archive.description import ArchivedImage, ArchivedWrite, Description, Owner, sealed
from roleshift.engine.run import Image, WriteRecord
from roleshift.phases.context import Context
from roleshift.postgres import image_comment
from roleshift.postgres.run_rows import PLAN


async def describe(context: Context, kept: Image, write: WriteRecord) -> None:
    """Write the description onto the image, in the transaction that writes to the target."""
    found = Description(
        owner=owner_of(context),
        spec=described_spec(context.spec),
        plan=PLAN.dump_python(context.plan, mode="json"),
        image=described_image(kept),
        write=described_write(write),
    )
    await image_comment.write(context.work, kept.name, sealed(found))


def owner_of(context: Context) -> Owner:
    """Whose backup a run makes."""
    run = context.run
    return Owner(
        run_id=run.run_id,
        cluster_uid=run.identity.cluster_uid,
        namespace=run.identity.namespace,
        name=run.identity.name,
        spec_hash=run.identity.spec_hash,
        manifest_hash=run.manifest_hash,
        attempt=run.attempt,
        database_identity=run.database_identity,
        target_oid=context.plan.shape.oid,
        target_name=run.target_name,
    )


def described_spec(spec: RoleMigrationSpec) -> dict[str, Any]:
    """A spec as a manifest has it."""
    document: dict[str, Any] = spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return document


def described_image(kept: Image) -> ArchivedImage:
    """An image as the catalogue has it."""
    return ArchivedImage(
        name=kept.name,
        rows=kept.rows,
        bytes=kept.bytes,
        checksum=kept.checksum,
        references=kept.references,
        arrived=kept.arrived,
        created_at=kept.created_at,
    )


def described_write(write: WriteRecord | None) -> ArchivedWrite | None:
    """A write as the log has it."""
    return ArchivedWrite(xid=write.xid, written_at=write.written_at, rows=write.rows) if write else None
