"""The scalar types of the API with their bounds: names, roles, queries, times, text that is cut."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator, Field, PlainSerializer

from roleshift.api.base import AtMostBytes

IDENTIFIER_BYTES = 63
ROLE_CHARACTERS = 128
DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DNS_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"


def rfc3339(moment: datetime) -> str:
    """A time as Kubernetes writes it: UTC, whole seconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def cut_to(limit: int) -> Callable[[Any], Any]:
    """A validator that shortens a text or a list to `limit` and says so: status must always be accepted."""

    def cut(value: Any) -> Any:
        if not isinstance(value, str | list | tuple) or len(value) <= limit:
            return value
        if isinstance(value, str):
            return value[: limit - 1] + "…"
        kept = list(value[:limit])
        if isinstance(kept[-1], str):
            kept[-1] = f"… and {len(value) - limit + 1} more"
        return kept

    return cut


Identifier = Annotated[
    str,
    Field(min_length=1, max_length=IDENTIFIER_BYTES, pattern=r"^[^\x00]*$"),
    AtMostBytes(IDENTIFIER_BYTES),
]
"""A name in PostgreSQL, as it stands in the catalogue: no quotes around it, case kept."""

OptionalIdentifier = Annotated[
    str, Field(max_length=IDENTIFIER_BYTES, pattern=r"^[^\x00]*$"), AtMostBytes(IDENTIFIER_BYTES)
]
"""Like `Identifier`; "" says that there is no such thing."""

RoleName = Annotated[str, Field(min_length=1, max_length=ROLE_CHARACTERS, pattern=r"^[^\x00]*$")]
"""A value of the role column, as text."""

ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=DNS_SUBDOMAIN)]
"""The name of a Kubernetes object in the namespace of the RoleMigration."""

DataKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
"""A key in the data of a Secret or a ConfigMap."""

EntryName = Annotated[str, Field(min_length=1, max_length=63, pattern=DNS_LABEL)]
"""A name that the author gives to an assertion or a metric."""

Query = Annotated[str, Field(min_length=1, max_length=8192)]
"""One SQL statement or one PromQL expression."""

Time = Annotated[AwareDatetime, PlainSerializer(rfc3339, return_type=str)]

Word = Annotated[str, Field(max_length=128), BeforeValidator(cut_to(128))]
Line = Annotated[str, Field(max_length=1024), BeforeValidator(cut_to(1024))]
Text = Annotated[str, Field(max_length=8192), BeforeValidator(cut_to(8192))]
