"""How right a plan's estimates are: seconds, WAL and image, for tables of different shapes.

`python -m benchmarks.estimates` (with PYTHONPATH=operator:tools:.) prints one line for each run; the same
figures as ratios belong to `make bench`. What was measured is what the run itself reports in its status.
"""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.measurement import Measurement, Size
from benchmarks.stage import Stage, fresh_database, stage
from localenv.database import Database

ROUNDS = {Size.SMALL: 1, Size.FULL: 3}
ROLES = "(ARRAY['junior_dev', 'senior_dev', 'manager', 'admin'])[1 + n % 4]"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of users.

    Attributes:
        indexes: beside the primary key; the first one is on the role.
        filler: bytes of text in every row that no run touches.
        moving: of 1000 rows, how many hold a role that changes; the rest are viewers and stay.
    """

    rows: int = 200_000
    key: str = "bigint"
    role: str = "user_role"
    indexes: int = 1
    filler: int = 40
    moving: int = 1000

    @property
    def name(self) -> str:
        """What is special about it."""
        changing = self.rows * self.moving // 1000
        return (
            f"{changing:,} of {self.rows:,} rows, {self.key} key, {1 + self.indexes} indexes, "
            f"{self.role}, {self.filler} B beside"
        )


SMALL = (Table(indexes=0), Table(indexes=2))
FULL = (
    Table(indexes=0),
    Table(),
    Table(indexes=2),
    Table(indexes=5),
    Table(indexes=9),
    Table(role="text", indexes=2),
    Table(key="uuid", indexes=2),
    Table(filler=1000, indexes=2),
    Table(moving=250, indexes=2),
    Table(rows=1000, indexes=2),
    Table(rows=20_000, indexes=2),
    Table(rows=2_000_000, indexes=2),
    Table(rows=2_000_000, indexes=2, moving=1),
)


def create(database: Database, table: Table) -> None:
    """Create and fill it, as a table that has been in use for a while: vacuumed and checkpointed."""
    key = "n" if table.key == "bigint" else "gen_random_uuid()"
    database.execute(f"""
        CREATE TYPE user_role AS ENUM (
            'viewer', 'junior_dev', 'senior_dev', 'manager', 'admin', 'developer', 'lead'
        );
        CREATE TABLE people (
            id {table.key} PRIMARY KEY, role {table.role} NOT NULL, previous_role {table.role},
            seniority_level text, role_migrated_at timestamptz, filler text,
            {", ".join(f"c{number} bigint" for number in range(1, 10))}
        );
        INSERT INTO people (id, role, filler, {", ".join(f"c{number}" for number in range(1, 10))})
        SELECT
            {key}, (CASE WHEN n % 1000 < {table.moving} THEN {ROLES} ELSE 'viewer' END)::{table.role},
            repeat('x', {table.filler}),
            {", ".join(f"(n * {number}7) % 1000003" for number in range(1, 10))}
        FROM generate_series(1, {table.rows}) AS n;
    """)
    for number in range(table.indexes):
        database.execute(f"CREATE INDEX ON people ({'role' if number == 0 else f'c{number}'})")
    database.execute("VACUUM ANALYZE people")
    with database.admin() as admin:
        admin.execute("CHECKPOINT")


def manifest(name: str, namespace: str) -> dict[str, Any]:
    """A RoleMigration of the table."""
    mappings = [
        {"from": "junior_dev", "to": "developer", "seniority": "junior"},
        {"from": "senior_dev", "to": "developer", "seniority": "senior"},
        {"from": "manager", "to": "lead", "seniority": "lead"},
        {"from": "admin", "to": "admin", "seniority": "lead"},
    ]
    return {
        "apiVersion": "roleshift.dev/v1alpha1",
        "kind": "RoleMigration",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "connection": {"secretRef": {"name": name, "key": "uri"}},
            "target": {"table": "people"},
            "mappings": mappings,
            "unmappedRoles": "Keep",
            "checks": {"minimumScore": 0, "limits": {"maxTransactionSeconds": 86_400}},
        },
    }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was estimated and what it came to, of one run."""

    table: Table
    plan: Mapping[str, Any]
    image_bytes: int

    @property
    def figures(self) -> list[tuple[str, float, float]]:
        """Quantity, estimate, measurement; seconds and bytes."""
        return [
            ("seconds", self.plan["estimatedSeconds"], self.plan["measuredSeconds"]),
            ("WAL", self.plan["estimatedWALBytes"], self.plan["measuredWALBytes"]),
            ("image", self.plan["estimatedImageBytes"], self.image_bytes),
        ]

    def __str__(self) -> str:
        figures = [f"{self.table.name:<75}"]
        for what, estimated, measured in self.figures:
            scale, unit = (1, "s") if what == "seconds" else (1_000_000, "MB")
            text = f"{estimated / scale:.1f} for {measured / scale:.2f} {unit}"
            figures.append(f"{what} {text} ({estimated / measured:.2f})")
        return "  ".join([*figures, f"UPDATE {self.plan['measuredWriteSeconds']:.2f} s"])


def run(on: Stage, table: Table, name: str) -> Outcome:
    """Migrate one such table."""
    with fresh_database(on) as database:
        create(database, table)
        on.create_secret(name, database.uri)
        on.migrate(name, manifest(name, on.namespace))
        status = on.status(name)
    return Outcome(table, status["plan"], status["backup"]["bytes"])


def outcomes(on: Stage, tables: tuple[Table, ...], rounds: int) -> Iterator[Outcome]:
    """Every table, one after the other, so many times."""
    for number in range(rounds):
        for position, table in enumerate(tables):
            yield run(on, table, f"estimate-{number}-{position}")


def measure_estimates(size: Size) -> Iterator[Measurement]:
    """Estimate divided by what it came to, for each quantity and table."""
    tables = SMALL if size is Size.SMALL else FULL
    found: dict[tuple[str, str], list[float]] = {}
    with stage() as on:
        for one in outcomes(on, tables, ROUNDS[size]):
            for what, estimated, measured in one.figures:
                found.setdefault((one.table.name, what), []).append(estimated / measured)
    for (name, what), ratios in found.items():
        yield Measurement(f"{name}: {what}, estimated / measured", "ratio", tuple(ratios))


def main() -> None:
    """Print every run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.estimates")
    parser.add_argument("--size", type=Size, choices=list(Size), default=Size.FULL)
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args()
    with stage() as on:
        for one in outcomes(on, SMALL if chosen.size is Size.SMALL else FULL, chosen.rounds):
            print(one, flush=True)


if __name__ == "__main__":
    main()
