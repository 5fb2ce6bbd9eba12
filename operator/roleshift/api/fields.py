"""Which fields of the spec may change once the run has begun to write: one table for CRD and engine.

The table names the smallest parts that are treated alike; a test sees that it covers the whole spec.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from roleshift.api.base import ListOf, yaml_name
from roleshift.api.phase import Phase
from roleshift.api.spec import RoleMigrationSpec
from roleshift.errors import Reason


class Change(StrEnum):
    """What may happen to a field after the first write."""

    ALLOWED = "Allowed"
    FORBIDDEN = "Forbidden"
    ONLY_TO_APPLY = "OnlyToApply"


CHANGES: Mapping[str, Change] = {
    "connection": Change.ALLOWED,
    "target": Change.FORBIDDEN,
    "mappings": Change.FORBIDDEN,
    "unmappedRoles": Change.FORBIDDEN,
    "privileges": Change.FORBIDDEN,
    "schemaChanges": Change.FORBIDDEN,
    "strategy.type": Change.FORBIDDEN,
    "strategy.lockTimeoutSeconds": Change.FORBIDDEN,
    "strategy.statementTimeoutSeconds": Change.FORBIDDEN,
    "strategy.batched.parallelism": Change.FORBIDDEN,
    "strategy.batched.batchSize": Change.FORBIDDEN,
    "strategy.batched.targetBatchSeconds": Change.FORBIDDEN,
    "strategy.batched.throttle": Change.ALLOWED,
    "mode": Change.ONLY_TO_APPLY,
    "desiredState": Change.ALLOWED,
    "suspend": Change.ALLOWED,
    "approval": Change.ALLOWED,
    "backup.methods": Change.FORBIDDEN,
    "backup.archive": Change.FORBIDDEN,
    "backup.retentionSeconds": Change.ALLOWED,
    "checks": Change.ALLOWED,
    "validation": Change.FORBIDDEN,
    "observation": Change.ALLOWED,
    "rollback": Change.ALLOWED,
    "window": Change.ALLOWED,
    "maintenance": Change.FORBIDDEN,
    "retry": Change.ALLOWED,
    "deletionPolicy": Change.ALLOWED,
}
"""YAML path below spec → what may happen to it once the phase is one of LOCKED_PHASES."""

LOCKED_PHASES = (
    Phase.BACKING_UP,
    Phase.MIGRATING,
    Phase.VALIDATING,
    Phase.DONE,
    Phase.ROLLING_BACK,
    Phase.ROLLED_BACK,
)
"""Phases after the first write; Failed joins them with one of LOCKED_FAILURES.

Done is none of them when it says one of CONCLUSIONS."""

LOCKED_FAILURES = (Reason.ROLLBACK_FAILED, Reason.LEDGER_LOST, Reason.FOREIGN_RUN)
"""Reasons of the Ready condition with which a Failed run has written, here or in another database."""

CONCLUSIONS = (Reason.DRY_RUN_COMPLETED, Reason.REHEARSAL_COMPLETED)
"""Reasons of a Done that wrote nothing: it locks no field, what is tried may be changed and tried again."""


def immutable_part(spec: RoleMigrationSpec) -> dict[str, Any]:
    """The part of the spec that a run is identified by: YAML names, plain values, defaults left out.

    Two manifests that mean the same run give the same value: a default that is written out, an empty
    object and the order of keyed lists make no difference. Fields that are added to the API later don't
    either while they have their default. `mode` belongs to it: a dry run is not the run itself.
    """
    part = _canonical(spec)
    for path, change in CHANGES.items():
        if change is Change.ALLOWED:
            _remove(part, path.split("."))
    return part


def _canonical(model: BaseModel) -> dict[str, Any]:
    dumped = model.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude_none=True)
    for name, field in type(model).model_fields.items():
        alias, value = yaml_name(name), getattr(model, name)
        if alias not in dumped:
            continue
        if isinstance(value, BaseModel):
            dumped[alias] = _canonical(value)
        merge = _list_of(field)
        if merge is not None and merge.kind != "atomic":
            order = sorted(range(len(value)), key=lambda i: str(merge.identity(value[i])))
            dumped[alias] = [dumped[alias][i] for i in order]
    return dumped


def _list_of(field: FieldInfo) -> ListOf | None:
    inside_optional = [item for option in get_args(field.annotation) for item in get_args(option)[1:]]
    return next((item for item in (*field.metadata, *inside_optional) if isinstance(item, ListOf)), None)


def _remove(part: dict[str, Any], path: list[str]) -> None:
    head, *rest = path
    if not rest:
        part.pop(head, None)
    elif head in part:
        _remove(part[head], rest)
        if not part[head]:
            del part[head]
