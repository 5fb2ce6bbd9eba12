"""Who else sets a field: read from metadata.managedFields, as server-side apply records it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from roleshift.cluster.client import FIELD_MANAGER


def other_managers(metadata: Mapping[str, Any], path: Sequence[str]) -> tuple[str, ...]:
    """Names of the field managers except ours that own the field at `path`, such as ("spec", "suspend")."""
    entries = metadata.get("managedFields", [])
    owners = [entry.get("manager", "") for entry in entries if _owns(entry.get("fieldsV1", {}), path)]
    return tuple(dict.fromkeys(owner for owner in owners if owner and owner != FIELD_MANAGER))


def _owns(fields: Mapping[str, Any], path: Sequence[str]) -> bool:
    for step in path:
        if f"f:{step}" not in fields:
            return False
        fields = fields[f"f:{step}"]
    return True
