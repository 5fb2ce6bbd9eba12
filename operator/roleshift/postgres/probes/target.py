"""The shape of the target, or what stands in its place."""

from difflib import get_close_matches
from typing import Any

from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.table import MissingTarget, OtherRelation
from roleshift.engine.target import (
    MIGRATABLE,
    Column,
    RelationKind,
    RoleTypeFacts,
    TargetFacts,
    UniqueIndex,
    ValueCheck,
)
from roleshift.postgres.probes.batch import Probe, Rows, ask_one, sql_probe
from roleshift.postgres.probes.wanted import Wanted
from roleshift.postgres.session import Session

Found = TargetFacts | MissingTarget | OtherRelation

_KINDS = {
    "r": RelationKind.TABLE,
    "p": RelationKind.PARTITIONED_TABLE,
    "v": RelationKind.VIEW,
    "m": RelationKind.MATERIALIZED_VIEW,
    "f": RelationKind.FOREIGN_TABLE,
    "S": RelationKind.SEQUENCE,
}
_SEARCH_SECONDS = 10.0


def target_probe(wanted: Wanted) -> Probe[Found]:
    """What the catalog says of the target."""
    return sql_probe("target", lambda rows: _read(rows, wanted), wanted.names)


def _read(rows: Rows, wanted: Wanted) -> Found:
    if not rows:
        return MissingTarget(wanted.schema, wanted.table)
    (row,) = rows
    kind = _KINDS.get(row["kind"], RelationKind.OTHER)
    if kind not in MIGRATABLE:
        return OtherRelation(wanted.schema, wanted.table, kind)
    return _shape(row, kind)


def _shape(row: dict[str, Any], kind: RelationKind) -> TargetFacts:
    return TargetFacts(
        oid=row["oid"],
        schema=row["schema"],
        table=row["table"],
        kind=kind,
        columns=tuple(Column(**column) for column in row["columns"] or ()),
        unique_indexes=tuple(_unique_index(index) for index in row["unique_indexes"] or ()),
        role_type=_role_type(row["enum"]) if row["enum"] else RoleTypeFacts(),
        triggers=tuple(row["triggers"] or ()),
        partition_columns=tuple(row["partition_columns"] or ()),
        rows_estimated=row["rows_estimated"],
        bytes=row["bytes"],
        owned=row["owned"],
        value_checks=tuple(ValueCheck(**check) for check in row["checks"] or ()),
        heirs=tuple(row["heirs"] or ()),
    )


def _unique_index(index: dict[str, Any]) -> UniqueIndex:
    return UniqueIndex(**{**index, "columns": tuple(index["columns"] or ()), "keys": tuple(index["keys"])})


def _role_type(enum: dict[str, Any]) -> RoleTypeFacts:
    return RoleTypeFacts(
        enum["enum_type"], tuple(enum["labels"] or ()), enum["owned"], tuple(enum["used_by"] or ())
    )


async def with_similar(session: Session, wanted: Wanted) -> MissingTarget:
    """The missing target, with names that may have been meant."""
    found = await ask_one(session, _SIMILAR, _SEARCH_SECONDS)
    names = [] if isinstance(found, ProbeFailure) else found
    elsewhere = [name for name in names if name.endswith(f".{wanted.table}")]
    close = get_close_matches(f"{wanted.schema}.{wanted.table}", names, n=3, cutoff=0.7)
    return MissingTarget(wanted.schema, wanted.table, tuple(dict.fromkeys(elsewhere + close))[:3])


_SIMILAR = sql_probe("similar", lambda rows: [f"{row['schema']}.{row['table']}" for row in rows])
