"""Which column says who a row is about, where the manifest does not say it."""

import pytest

from roleshift.engine.keys import Key, resolve_key
from roleshift.engine.target import Column, RelationKind, RoleTypeFacts, TargetFacts, UniqueIndex

NAMES = ("id", "tenant", "user_id", "role")


def target(*unique: tuple[str, ...], invalid: tuple[str, ...] = ()) -> TargetFacts:
    """A table whose first unique index is its primary key."""
    indexes = [UniqueIndex(str(columns), columns, i == 0, valid=True) for i, columns in enumerate(unique)]
    if invalid:
        indexes.append(UniqueIndex("invalid", invalid, primary=False, valid=False))
    return TargetFacts(
        oid=1,
        schema="public",
        table="members",
        kind=RelationKind.TABLE,
        columns=tuple(Column(name, "text", "text", "S", not_null=True, generated=False) for name in NAMES),
        unique_indexes=tuple(indexes),
        role_type=RoleTypeFacts(),
        triggers=(),
        partition_columns=(),
        rows_estimated=0,
        bytes=0,
        owned=True,
    )


@pytest.mark.parametrize(
    ("facts", "user"),
    [
        (target(("id",)), "id"),
        (target(("id",), ("user_id", "role")), "id"),
        (target(("user_id", "role")), "user_id"),
        (target(("role", "user_id")), "user_id"),
        (target(("tenant", "id"), ("user_id", "role")), "user_id"),
        (target(("tenant", "id")), None),
        (target(("tenant", "user_id", "role")), None),
        (target(("tenant", "id"), ("user_id", "role"), ("id", "role")), None),
        (target(("tenant", "id"), invalid=("user_id", "role")), None),
    ],
    ids=[
        "the only key column",
        "the only key column, whatever else is unique",
        "beside the role in the key",
        "in any order",
        "beside the role in another constraint",
        "no constraint holds the role",
        "two columns beside the role",
        "two constraints that disagree",
        "an invalid index is no constraint",
    ],
)
def test_the_user_is_the_only_key_column_else_what_stands_beside_the_role(
    facts: TargetFacts, user: str | None
) -> None:
    key = resolve_key(facts, None, None, "role")
    assert isinstance(key, Key)
    assert key.user_column == user


def test_the_manifest_goes_first() -> None:
    key = resolve_key(target(("user_id", "role")), None, "tenant", "role")
    assert isinstance(key, Key)
    assert key.user_column == "tenant"
