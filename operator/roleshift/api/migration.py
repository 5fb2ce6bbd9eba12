"""The RoleMigration object itself, and how a manifest or an event becomes one.

Errors name the field as it stands in the manifest and say what to do about it.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, StrictInt, ValidationError, field_validator

from roleshift.api.base import StatusModel
from roleshift.api.problems import problems_of
from roleshift.api.scalars import Time
from roleshift.api.spec import RoleMigrationSpec
from roleshift.api.status import RoleMigrationStatus, readable_status
from roleshift.errors import Reason, SpecError

GROUP = "roleshift.dev"
VERSION = "v1alpha1"
KIND: Literal["RoleMigration"] = "RoleMigration"
PLURAL = "rolemigrations"
API_VERSION: Literal["roleshift.dev/v1alpha1"] = "roleshift.dev/v1alpha1"
MAX_NAME_CHARACTERS = 52


class ObjectMeta(StatusModel):
    """What Roleshift reads of an object's metadata; the rest is left out."""

    name: str = Field(min_length=1, max_length=MAX_NAME_CHARACTERS)
    namespace: str = "default"
    uid: str = ""
    generation: StrictInt = 0
    resource_version: str = ""
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    annotations: dict[str, str] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)
    finalizers: list[str] = Field(default_factory=list)


class RoleMigration(StatusModel):
    """Moves the users of one PostgreSQL table from an old set of roles to a new one, and back if asked."""

    api_version: Literal["roleshift.dev/v1alpha1"] = API_VERSION
    kind: Literal["RoleMigration"] = KIND
    metadata: ObjectMeta
    spec: RoleMigrationSpec
    status: RoleMigrationStatus | None = None

    @field_validator("status", mode="plain")
    @classmethod
    def _keep_what_can_be_read(cls, value: Any) -> RoleMigrationStatus | None:
        return value if isinstance(value, RoleMigrationStatus) else readable_status(value)


def parse_migration(body: Mapping[str, Any]) -> RoleMigration:
    """Makes a RoleMigration of a manifest or of an object from the API server.

    Raises:
        SpecError: reason InvalidSpec; the message lists every problem as `spec.field: what to do`.
    """
    try:
        return RoleMigration.model_validate(_plain(body), by_alias=True, by_name=False)
    except ValidationError as error:
        listed = "; ".join(problems_of(error, RoleMigration))
        raise SpecError(Reason.INVALID_SPEC, listed) from None


def _plain(value: Any) -> Any:
    """Views, as kopf hands them out, become dicts and lists."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value
