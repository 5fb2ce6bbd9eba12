"""What stands where facts would be when a probe could not tell."""

from dataclasses import dataclass

from roleshift.errors import Reason


@dataclass(frozen=True, slots=True)
class ProbeFailure:
    """Why a probe could not tell."""

    reason: Reason
    message: str
    sqlstate: str = ""
