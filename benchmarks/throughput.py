"""A whole run and its rollback against the plain UPDATE of the same rows, alternating in one session."""

import time
from collections.abc import Iterator

from benchmarks.measurement import Measurement, Size
from benchmarks.people import PLAIN_UPDATE, PLAIN_UPDATE_BACK, create_people, manifest
from benchmarks.stage import Stage, fresh_database, stage
from localenv.database import Database

ROWS = {Size.SMALL: 200_000, Size.FULL: 2_000_000}
ROUNDS = 3


def measure_throughput(size: Size) -> Iterator[Measurement]:
    """Seconds of each, and the ratios to the plain UPDATE of the same round."""
    rows = ROWS[size]
    with stage() as on:
        rounds = [_round(on, number, rows) for number in range(ROUNDS)]
    plain, plain_back, run, back = (tuple(values) for values in zip(*rounds, strict=True))
    yield Measurement(f"{rows} rows: plain UPDATE", "s", plain)
    yield Measurement(f"{rows} rows: plain UPDATE back", "s", plain_back)
    yield Measurement(f"{rows} rows: whole run, Transaction", "s", run)
    yield Measurement(f"{rows} rows: rollback", "s", back)
    yield Measurement("whole run / plain UPDATE", "ratio", _ratios(run, plain))
    yield Measurement("rollback / plain UPDATE", "ratio", _ratios(back, plain))
    yield Measurement("rollback / plain UPDATE back", "ratio", _ratios(back, plain_back))


def _ratios(values: tuple[float, ...], plain: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(value / floor for value, floor in zip(values, plain, strict=True))


def _round(on: Stage, number: int, rows: int) -> tuple[float, float, float, float]:
    with fresh_database(on) as database:
        create_people(database, rows)
        plain, plain_back = (_seconds_of(database, update) for update in (PLAIN_UPDATE, PLAIN_UPDATE_BACK))
    with fresh_database(on) as database:
        create_people(database, rows)
        name = f"large-{number}"
        on.create_secret(name, database.uri)
        run = on.migrate(name, manifest(name, on.namespace, name))
        return plain, plain_back, run, on.roll_back(name)


def _seconds_of(database: Database, update: str) -> float:
    started = time.monotonic()
    database.execute(update)
    return time.monotonic() - started
