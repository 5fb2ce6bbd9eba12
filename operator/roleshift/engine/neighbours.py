"""Other runs on the target of a run: who occupies it, who wrote to it since. Words only; pure."""

from dataclasses import dataclass

from roleshift.engine.outcome import Wait
from roleshift.engine.run import RunRecord
from roleshift.errors import Reason


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another run on the same target.

    Attributes:
        elsewhere: it belongs to an object of another cluster.
        copied: it was copied here with its database, so that nobody works on it here.
    """

    run_id: str
    namespace: str
    name: str
    elsewhere: bool = False
    copied: bool = False

    def __str__(self) -> str:
        where = " of another cluster" if self.elsewhere else ""
        return f"the RoleMigration {self.namespace}/{self.name}{where}"


def occupied(run: RunRecord, neighbour: Neighbour | None) -> str:
    """What a run says whose table is occupied; None where it is not known by whom."""
    if neighbour is None or not neighbour.copied:
        which = "another run" if neighbour is None else str(neighbour)
        return f"{which} is active on {run.target_name}; this one begins when that has ended"
    return (
        f"{neighbour} was active on {run.target_name} when the database was copied: its ledger row "
        f"{neighbour.run_id} came here with the copy, and nobody works on it here; to clear it, run: "
        f"{forget_command(run.identity.namespace, run.identity.name)}"
    )


def forget_command(namespace: str, name: str) -> str:
    """What clears copied runs out of a RoleMigration's way."""
    return f"roleshift forget {name} -n {namespace}"


def superseded(run: RunRecord, newer: Neighbour) -> Wait:
    """Why a rollback is refused: undone in another order than they were done, runs would tear each other."""
    return Wait(
        Reason.SUPERSEDED,
        f"the rollback is refused: {newer} (run {newer.run_id}) wrote to {run.target_name} after this one "
        f"and was not rolled back; roll that one back first (roleshift rollback {newer.name} "
        f"-n {newer.namespace}), then this one goes on by itself; or set spec.desiredState to Migrated",
    )
