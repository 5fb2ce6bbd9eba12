"""Metadata and status of an object whose spec may be unreadable, so that it can be told so."""

from collections.abc import Mapping
from typing import Any

from roleshift.api import ObjectMeta, RoleMigrationStatus, readable_status


def readable_part(body: Mapping[str, Any]) -> tuple[ObjectMeta, RoleMigrationStatus | None]:
    """Metadata and, where it can be read, status."""
    meta = ObjectMeta.model_validate(body["metadata"], by_alias=True, by_name=False)
    return meta, readable_status(body.get("status"))
