"""RoleMigrations in every phase, as the operator reports them: what the command line is tested on."""

import copy
from typing import Any

from roleshift.api import Phase

NAMESPACE = "people"
NAME = "seniority-2026"
RUN = "16823e61-fb5d-431d-8798-6636956f0e97"
IMAGE = "migration_backup_user_profiles_16823e61"

Json = dict[str, Any]


def migration(
    phase: Phase, *, reason: str = "", message: str = "", ready: str = "False", **status: Any
) -> Json:
    """An object in `phase` whose status the operator has written for the present spec.

    Args:
        reason: of the Ready condition; the phase's own name when empty.
        ready: status of the Ready condition.
        status: parts that replace those which the phase brings along.
    """
    condition = {
        "type": "Ready",
        "status": ready,
        "reason": reason or str(phase),
        "message": message,
        "lastTransitionTime": _at(0),
    }
    known = {
        "observedGeneration": 1,
        "phase": str(phase),
        "conditions": [condition],
        **_known(phase),
        **status,
    }
    return {
        "apiVersion": "roleshift.dev/v1alpha1",
        "kind": "RoleMigration",
        "metadata": {"namespace": NAMESPACE, "name": NAME, "generation": 1},
        "spec": {"target": {"table": "user_profiles"}},
        "status": {key: copy.deepcopy(value) for key, value in known.items() if value is not None},
    }


def step(name: Phase, state: str, begun: int, ended: int | None = None, **more: Any) -> Json:
    """One entry of status.steps; times are seconds after the run began."""
    times = {"startTime": _at(begun)} | ({} if ended is None else {"completionTime": _at(ended)})
    return {"name": str(name), "state": state, "attempts": 1, **times, **more}


def progress(percent: int, **more: Any) -> Json:
    """status.progress of 100,000 rows."""
    filled = "#" * (percent // 10)
    return {
        "rowsTotal": 100_000,
        "rowsProcessed": 1000 * percent,
        "percent": percent,
        "bar": f"[{filled:-<10}] {percent}%",
        **more,
    }


def _at(second: int) -> str:
    return f"2026-11-23T14:44:{50 + second:02d}Z" if second < 10 else f"2026-11-23T14:45:{second - 10:02d}Z"


CHECKED = step(Phase.CHECKING, "Succeeded", 0, 1, message="score 100; 100000 rows will change")
BACKED_UP = step(Phase.BACKING_UP, "Succeeded", 1, 2, message=f"100000 rows in roleshift.{IMAGE}")
MIGRATED = step(Phase.MIGRATING, "Succeeded", 2, 5, message="100000 rows written")
VALIDATED = step(Phase.VALIDATING, "Succeeded", 5, 6, message="11 verifications passed")
BROKEN = step(Phase.MIGRATING, "Failed", 2, 5, message="the transaction was rolled back")
RESTORED = step(Phase.ROLLING_BACK, "Succeeded", 8, 10, message="100000 rows restored")
REFUSED = step(Phase.CHECKING, "Failed", 0, 1, message="ServerVersion failed")

_SAFETY: Json = {
    "score": 100,
    "passed": 2,
    "results": [
        {"name": "ServerVersion", "category": "Database", "result": "Passed", "severity": "Critical"},
        {"name": "Locks", "category": "Application", "result": "Passed", "severity": "Critical"},
    ],
}
_PLAN: Json = {
    "hash": "sha256:0123456789abcdef",
    "rows": 100_000,
    "matrix": [
        {"from": "admin", "to": "admin", "seniority": "lead", "rows": 1_000},
        {"from": "junior_dev", "to": "developer", "seniority": "junior", "rows": 99_000},
    ],
}
_BACKUP: Json = {
    "name": IMAGE,
    "methods": ["Table"],
    "rows": 100_000,
    "bytes": 5_500_000,
    "verified": True,
    "expiresTime": "2026-12-23T14:44:52Z",
}
_VALIDATION: Json = {
    "results": [
        {"name": "Completeness", "result": "Passed", "message": "all 100000 rows were migrated"},
        {"name": "UserCount", "result": "Passed", "message": "100000 rows before and after"},
    ]
}


def _known(phase: Phase) -> Json:
    """What the status has learned when the run is in `phase` after all went well."""
    begun: Json = {"runID": RUN, "startTime": _at(0)}
    planned = {**begun, "safety": _SAFETY, "plan": _PLAN}
    kept = {**planned, "backup": _BACKUP, "progress": progress(0)}
    written = {**kept, "progress": progress(100)}
    proved = {**written, "validation": _VALIDATION, "completionTime": _at(6)}
    there = [CHECKED, BACKED_UP, MIGRATED, VALIDATED]
    known: dict[Phase, Json] = {
        Phase.PENDING: {},
        Phase.CHECKING: {**begun, "steps": [step(phase, "Running", 0)]},
        Phase.BACKING_UP: {**planned, "steps": [CHECKED, step(phase, "Running", 1)]},
        Phase.MIGRATING: {**kept, "steps": [CHECKED, BACKED_UP, step(phase, "Running", 2)]},
        Phase.VALIDATING: {**written, "steps": [CHECKED, BACKED_UP, MIGRATED, step(phase, "Running", 5)]},
        Phase.DONE: {**proved, "steps": there},
        Phase.ROLLING_BACK: {
            **proved,
            "progress": progress(60),
            "steps": [*there, step(phase, "Running", 8)],
        },
        Phase.ROLLED_BACK: {**proved, "progress": progress(0), "steps": [*there, RESTORED]},
        Phase.FAILED: {**begun, "completionTime": _at(1), "steps": [REFUSED]},
    }
    return known[phase]
