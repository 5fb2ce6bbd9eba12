"""A whole run and its rollback against the plain UPDATE of the same rows, alternating in one session."""

import time
from collections.abc import Iterator

from benchmarks.measurement import Measurement, Size
from benchmarks.people import PLAIN_UPDATE, create_people, manifest
from benchmarks.stage import Stage, fresh_database, stage

ROWS = {Size.SMALL: 200_000, Size.FULL: 2_000_000}
ROUNDS = 3


def measure_throughput(size: Size) -> Iterator[Measurement]:
    """Seconds of each, and the ratios to the plain UPDATE of the same round."""
    rows = ROWS[size]
    with stage() as on:
        rounds = [_round(on, number, rows) for number in range(ROUNDS)]
    plain, run, back = (tuple(values) for values in zip(*rounds, strict=True))
    yield Measurement(f"{rows} rows: plain UPDATE", "s", plain)
    yield Measurement(f"{rows} rows: whole run, Transaction", "s", run)
    yield Measurement(f"{rows} rows: rollback", "s", back)
    yield Measurement("whole run / plain UPDATE", "ratio", _ratios(run, plain))
    yield Measurement("rollback / plain UPDATE", "ratio", _ratios(back, plain))


def _ratios(values: tuple[float, ...], plain: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(value / floor for value, floor in zip(values, plain, strict=True))


def _round(on: Stage, number: int, rows: int) -> tuple[float, float, float]:
    with fresh_database(on) as database:
        create_people(database, rows)
        started = time.monotonic()
        database.execute(PLAIN_UPDATE)
        plain = time.monotonic() - started
    with fresh_database(on) as database:
        create_people(database, rows)
        name = f"large-{number}"
        on.create_secret(name, database.uri)
        run = on.migrate(name, manifest(name, on.namespace, name))
        return plain, run, on.roll_back(name)
