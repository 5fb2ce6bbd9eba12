"""Which report of a run was written to the cluster: noted in its row, so that it is written once."""

from roleshift.engine.run import RunRecord
from roleshift.postgres.session import Session
from roleshift.postgres.statements import statement


async def note_report(session: Session, run: RunRecord, reported: str) -> None:
    """Note a report as written; a run that was taken over meanwhile is its new holder's to report."""
    params = {"run_id": run.run_id, "epoch": run.epoch, "reported": reported}
    await session.execute(statement("report_note"), params)
