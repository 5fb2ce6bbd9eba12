"""How many rows hold each role, and which would collide once roles are mapped."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from psycopg import sql

from roleshift.api.target import Lookup
from roleshift.engine.facts.failure import ProbeFailure
from roleshift.engine.facts.table import CollisionFacts, LookupFacts, RoleFacts
from roleshift.engine.keys import is_plain, role_indexes
from roleshift.engine.target import Column, TargetFacts, UniqueIndex
from roleshift.postgres import collisions, role_counts
from roleshift.postgres.moving import Moving
from roleshift.postgres.probes.batch import Answers, Probe, Rows
from roleshift.postgres.statements import comma, identifier, literal, of, statement, target_name, trusted

MAX_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class RoleProbes:
    """Roles, collisions, and rows that would be taken out."""

    roles: Probe[RoleFacts]
    collisions: Probe[CollisionFacts]
    beyond: Probe[CollisionFacts]
    taken_out: Probe[CollisionFacts] | None

    @classmethod
    def of(cls, moving: Moving, target: TargetFacts) -> "RoleProbes":
        """The probes of one target."""
        roles = Probe("roles", role_counts.query(moving), lambda rows: role_counts.read(rows, moving))
        plain, other = _indexes(moving, target)
        return cls(
            roles,
            _collisions("collisions", [_under(moving, index) for index in plain]),
            _collisions("collisions_beyond", [_under_other(moving, target, index) for index in other]),
            _taken_out(moving) if moving.shape.whole and moving.shape.key else None,
        )

    @property
    def all(self) -> "list[Probe[RoleFacts] | Probe[CollisionFacts]]":
        """All of them."""
        taken_out = [] if self.taken_out is None else [self.taken_out]
        return [self.roles, self.collisions, self.beyond, *taken_out]

    def role_facts(self, told: Answers, lookup: LookupFacts | None) -> RoleFacts | ProbeFailure:
        """Rows for each role, by name."""
        found = told.of(self.roles)
        return found if isinstance(found, ProbeFailure) else role_counts.by_name(found, lookup)

    def colliding(self, told: Answers) -> CollisionFacts | ProbeFailure:
        """Rows too many, under both kinds of index."""
        found, beyond = told.of(self.collisions), told.of(self.beyond)
        if isinstance(found, ProbeFailure):
            return found
        if isinstance(beyond, ProbeFailure):
            return beyond
        examples = (*found.examples, *beyond.examples)[:MAX_EXAMPLES]
        return CollisionFacts(found.rows + beyond.rows, examples, beyond.rows)

    def collision_facts(self, told: Answers, lookup: LookupFacts | None) -> CollisionFacts | ProbeFailure:
        """Everything about collisions, new roles by name."""
        found = self.colliding(told)
        taken = CollisionFacts(0) if self.taken_out is None else told.of(self.taken_out)
        if isinstance(found, ProbeFailure) or isinstance(taken, ProbeFailure):
            return found if isinstance(found, ProbeFailure) else taken
        names = lookup.names if lookup else {}
        merged = {names.get(role, role): rows for role, rows in taken.merged.items()}
        return replace(found, merged=merged, parked=taken.parked)


def lookup_probe(lookup: Lookup) -> Probe[LookupFacts]:
    """Keys and names of the lookup table."""
    return Probe("lookup", role_counts.lookup_query(lookup), role_counts.read_lookup)


def _indexes(moving: Moving, target: TargetFacts) -> tuple[list[UniqueIndex], list[UniqueIndex]]:
    """Those on columns alone, of which the narrowest are asked; and those with expressions or a predicate."""
    indexes = role_indexes(target, moving.shape.role.name)
    narrowest = {one.others for one in moving.shape.constraints}
    plain = [index for index in indexes if is_plain(index)]
    asked = {tuple(c for c in i.columns if c != moving.shape.role.name): i for i in plain}
    kept = [index for others, index in asked.items() if not narrowest or others in narrowest]
    others = [index for index in indexes if not is_plain(index) and _can_be_asked(moving, target, index)]
    return kept, others


def _collisions(name: str, parts: Sequence[sql.Composable]) -> Probe[CollisionFacts]:
    nothing = sql.SQL("SELECT 0 AS collisions, '[]'::jsonb AS examples")
    return Probe(name, sql.SQL(" UNION ALL ").join(parts or [nothing]), _read_collisions)


def _read_collisions(rows: Rows) -> CollisionFacts:
    examples = tuple(example for row in rows for example in row["examples"])
    return CollisionFacts(sum(row["collisions"] for row in rows), examples[:MAX_EXAMPLES])


def _taken_out(moving: Moving) -> Probe[CollisionFacts]:
    query = statement("probes/taken_out").format(source=moving.source, moves=moving.moves("t"))
    return Probe("taken_out", query, _read_taken_out)


def _read_taken_out(rows: Rows) -> CollisionFacts:
    merged = {row["role"]: row["merged"] for row in rows if row["merged"]}
    return CollisionFacts(0, merged=merged, parked=sum(row["parked"] for row in rows))


def _can_be_asked(moving: Moving, target: TargetFacts, index: UniqueIndex) -> bool:
    """A label that an enum lacks yet can't be computed with."""
    enum = target.role_type
    new = {route.after for route in moving.routes}
    return not (index.reads_role and enum.enum_type and new - set(enum.enum_labels))


def _under(moving: Moving, index: UniqueIndex) -> sql.Composed:
    return collisions.under(moving, collisions.Columns.of(index, moving.shape))


def _under_other(moving: Moving, target: TargetFacts, index: UniqueIndex) -> sql.Composed:
    return _under_text(moving, target, index) if index.reads_role else _under(moving, index)


def _under_text(moving: Moving, target: TargetFacts, index: UniqueIndex) -> sql.Composed:
    """Under expressions and a predicate, which are computed from the row as it will be."""
    names = [identifier(f"key_{position}") for position, _ in enumerate(index.keys)]
    keys = [
        sql.SQL("({}) AS {}").format(trusted(text), name)
        for text, name in zip(index.keys, names, strict=True)
    ]
    set_for_it = "v.{} IS NOT NULL" if index.nulls_distinct else "true"
    shared = [
        sql.SQL("{} || coalesce(min(v.{}::text), 'NULL')").format(literal(f"{text} "), name)
        for text, name in zip(index.keys, names, strict=True)
    ]
    return statement("probes/collisions_computed").format(
        keys=comma(keys),
        columns=comma([_as_it_will_be(moving, column) for column in target.columns]),
        mapped=moving.joined_to("o", "m"),
        target=target_name(moving.shape),
        indexed=trusted(index.predicate or "true"),
        example=sql.SQL("concat_ws(', ', {})").format(comma(shared)),
        all_set=sql.SQL(" AND ").join(sql.SQL(set_for_it).format(name) for name in names),
        grouped=comma([sql.SQL("v.{}").format(name) for name in names]),
    )


def _as_it_will_be(moving: Moving, column: Column) -> sql.Composable:
    if column.name != moving.shape.role.name:
        return of("o", column)
    mapped = sql.SQL("({})::{} AS {}")
    return mapped.format(moving.after("o", "m"), trusted(column.type_name), identifier(column.name))
