"""Rows of the ledger as the engine's values, and the engine's documents as JSON."""

from datetime import datetime
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from roleshift.api import BackupMethod, Mode, Phase, WALOf
from roleshift.engine.checks import Finding
from roleshift.engine.cost import Taken
from roleshift.engine.identity import RunIdentity
from roleshift.engine.plan import Plan, SchemaChange
from roleshift.engine.run import (
    AcceptanceRecord,
    ApprovalRecord,
    ArchiveRecord,
    Image,
    LogEntry,
    LogOutcome,
    RollbackRecord,
    RunRecord,
    WriteRecord,
)
from roleshift.engine.verification import VerificationResult
from roleshift.errors import Reason

PLAN = TypeAdapter(Plan)
FINDINGS = TypeAdapter(tuple[Finding, ...])
VERIFICATION = TypeAdapter(tuple[VerificationResult, ...])
ROLLBACK = TypeAdapter(RollbackRecord)
SCHEMA_CHANGE: TypeAdapter[SchemaChange] = TypeAdapter(SchemaChange)


def document(adapter: TypeAdapter[Any], value: object) -> Jsonb | None:
    """A value for a jsonb column; None stays NULL."""
    return None if value is None else Jsonb(adapter.dump_python(value, mode="json"))


def run_record(row: DictRow, identity: RunIdentity) -> RunRecord:
    """A run with its image, write and log, from a row of run_find.sql.

    An older ledger, which is looked at before it is brought up, lacks the columns of later versions.
    """
    log, backups = row["log"] or [], row["backups"] or {}
    return RunRecord(
        run_id=str(row["run_id"]),
        identity=identity,
        manifest_hash=row["manifest_hash"],
        attempt=row["attempt"],
        mode=Mode(row.get("mode", Mode.APPLY)),
        phase=Phase(row["phase"]),
        reason=Reason(row["reason"]),
        message=row["message"],
        epoch=row["epoch"],
        active=row["active"],
        created_at=row["created_at"],
        phase_started_at=row["phase_started_at"],
        target_oid=row["target_oid_number"],
        target_name=row["target_name"],
        database_identity=row["database_identity"],
        attempts=row["attempts"],
        completed_at=row["completed_at"],
        plan=PLAN.validate_python(row["plan"], strict=False) if row["plan"] else None,
        findings=FINDINGS.validate_python(row["findings"]),
        verification=VERIFICATION.validate_python(row["verification"]),
        rollback=ROLLBACK.validate_python(row["rollback"]) if row["rollback"] else None,
        rollback_requested_at=row["rollback_requested_at"],
        rollback_requested_by=row["rollback_requested_by"],
        rollback_reason=row["rollback_reason"],
        approval=_approval(row) if row.get("approved_at") else None,
        retry_token=row["retry_token"],
        forget_token=row["forget_token"],
        carried_hash=row["carried_hash"],
        resume_token=row["resume_token"],
        accept_token=row["accept_token"],
        reported=row["reported"],
        acceptance=_acceptance(row) if row["accepted_at"] else None,
        copied=row["copied"],
        image=_image(backups[BackupMethod.TABLE]) if BackupMethod.TABLE in backups else None,
        archive=_archive(backups[BackupMethod.ARCHIVE]) if BackupMethod.ARCHIVE in backups else None,
        write=_write(log),
        log=tuple(_log_entry(line) for line in log),
    )


def _approval(row: DictRow) -> ApprovalRecord:
    return ApprovalRecord(
        plan_hash=row["approved_hash"],
        at=row["approved_at"],
        by=row["approved_by"],
        reason=row["approval_reason"],
        plan=PLAN.validate_python(row["approved_plan"], strict=False),
    )


def _acceptance(row: DictRow) -> AcceptanceRecord:
    return AcceptanceRecord(row["accepted_at"], row["accepted_by"], row["acceptance_reason"])


def _image(document: dict[str, Any]) -> Image:
    return Image(
        name=document["name"],
        rows=document["rows"],
        bytes=document["bytes"],
        checksum=document["checksum"],
        created_at=datetime.fromisoformat(document["created_at"]),
        expires_at=datetime.fromisoformat(document["expires_at"]),
        references=document["reference_rows"],
        arrived=tuple(document["arrived_roles"]),
        **_removal(document),
    )


def _archive(document: dict[str, Any]) -> ArchiveRecord:
    return ArchiveRecord(
        url=document["name"],
        rows=document["rows"],
        bytes=document["bytes"],
        manifest_sha256=document["manifest_sha256"],
        covers_write=document["covers_write"],
        created_at=datetime.fromisoformat(document["created_at"]),
        expires_at=datetime.fromisoformat(document["expires_at"]),
        **_removal(document),
    )


def _removal(document: dict[str, Any]) -> dict[str, Any]:
    """When and why a backup was removed."""
    at = document["removed_at"]
    return {
        "removed_at": datetime.fromisoformat(at) if at else None,
        "removal_reason": document["removal_reason"],
    }


def _write(log: list[dict[str, Any]]) -> WriteRecord | None:
    """The committed write: its line stands in the log only if the transaction committed."""
    for line in log:
        if line["step"] == Phase.MIGRATING and line["outcome"] == LogOutcome.SUCCEEDED:
            return WriteRecord(line["xid"], datetime.fromisoformat(line["written_at"]), line["rows"])
    return None


def _log_entry(line: dict[str, Any]) -> LogEntry:
    return LogEntry(
        step=Phase(line["step"]),
        outcome=LogOutcome(line["outcome"]),
        started_at=datetime.fromisoformat(line["started_at"]),
        ended_at=datetime.fromisoformat(line["ended_at"]),
        rows=line["rows"],
        message=line["message"],
        sqlstate=line["sqlstate"],
        xid=line["xid"],
        taken=_taken(line) if line["wal_of"] else None,
        schema_change=SCHEMA_CHANGE.validate_python(line["schema_change"]) if line["schema_change"] else None,
    )


def _taken(line: dict[str, Any]) -> Taken:
    return Taken(line["work_seconds"], line["lock_seconds"], line["wal_bytes"], WALOf(line["wal_of"]))
