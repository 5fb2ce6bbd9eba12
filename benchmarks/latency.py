"""A small migration from `kubectl apply` to Done, and what the operator costs meanwhile."""

from collections.abc import Iterator

from benchmarks.measurement import Measurement, Size
from benchmarks.people import create_people, manifest
from benchmarks.stage import Stage, fresh_database, stage

USERS = 1000
SAMPLES = {Size.SMALL: 20, Size.FULL: 100}


def measure_latency(size: Size) -> Iterator[Measurement]:
    """Seconds from apply to Done of 1,000 users, the API requests of each, and the operator's memory."""
    with stage() as on:
        before = _requests(on)
        seconds = tuple(_sample(on, number) for number in range(SAMPLES[size]))
        requests = (_requests(on) - before) / len(seconds)
        memory = on.operator.rss_bytes() / 2**20
    yield Measurement(f"{USERS} users, from apply to Done", "s", seconds)
    yield Measurement("API requests of the operator for each of these", "requests", (requests,))
    yield Measurement("resident memory of the operator after these", "MiB", (memory,))


def _sample(on: Stage, number: int) -> float:
    with fresh_database(on) as database:
        create_people(database, USERS)
        name = f"small-{number}"
        on.create_secret(name, database.uri)
        return on.migrate(name, manifest(name, on.namespace, name))


def _requests(on: Stage) -> float:
    """Without those that renew the Lease, which are no migration's: they alone are made by PUT."""
    lines = on.operator.metrics_text().splitlines()
    counted = [
        line
        for line in lines
        if line.startswith("roleshift_api_requests_total{") and 'verb="PUT"' not in line
    ]
    return sum(float(line.rsplit(" ", 1)[1]) for line in counted)
