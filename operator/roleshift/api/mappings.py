"""spec.mappings and spec.privileges: which role becomes which, and which of them is stronger."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, StrictBool, StrictInt

from roleshift.api.base import ListOf, Rule, SpecModel
from roleshift.api.scalars import RoleName

MAX_MAPPINGS = 256
"""A larger bound breaks the API server's cost budget for CEL."""


class UnmappedRoles(StrEnum):
    """What happens to rows whose role no mapping names; NULL is one of them."""

    FAIL = "Fail"
    KEEP = "Keep"


class Mapping(SpecModel):
    """One old role and what becomes of it."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="to",
            message="equals from and no seniority is given, so nothing would change: choose another role, "
            "set seniority, or remove the mapping (unmappedRoles: Keep leaves the role alone)",
            cel="self.to != self.from || has(self.seniority)",
            holds=lambda it: it.to_role != it.from_role or it.seniority is not None,
        ),
    )

    from_role: RoleName = Field(description="Role before the migration.")
    to_role: RoleName = Field(
        description="Role after it; may equal from when only the seniority is assigned."
    )
    seniority: RoleName | None = Field(
        None, description="Value for the seniority column. Absent: the column is left as it is."
    )


class KeepAtLeast(SpecModel):
    """A role that must not die out."""

    role: RoleName = Field(description="Role after the migration.")
    count: StrictInt = Field(
        ge=1, le=1_000_000_000, description="Users who must hold the role when the run is over."
    )


class Privileges(SpecModel):
    """Which roles are stronger than others, so that nobody gains rights by accident."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            field="order",
            message="names a role more than once: keep each role once, weakest first",
            cel="!has(self.order) || self.order.all(r, self.order.exists_one(s, s == r))",
            holds=lambda it: len(set(it.order)) == len(it.order),
        ),
    )

    order: Annotated[list[RoleName], Field(max_length=MAX_MAPPINGS), ListOf("atomic")] = Field(
        [], description="Roles, weakest first. Absent: escalations are not judged."
    )
    allow_escalation: StrictBool = Field(
        default=False, description="Whether a user may come out with a stronger role than before."
    )
    keep_at_least: Annotated[list[KeepAtLeast], Field(max_length=64), ListOf("map", ("role",))] = Field(
        [], description="Roles that must keep a number of users. Default: none."
    )
