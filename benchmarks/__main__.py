"""`make bench`: run every measurement, or one part with ARGS="--only NAME"; print a table, keep figures."""

import argparse
import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.archiving import measure_archiving
from benchmarks.checks import measure_checks
from benchmarks.estimates import measure_estimates
from benchmarks.latency import measure_latency
from benchmarks.measurement import Measurement, Size
from benchmarks.throughput import measure_throughput

RESULTS = Path(__file__).parent / "results"
PARTS: dict[str, Callable[[Size], Iterable[Measurement]]] = {
    "latency": measure_latency,
    "checks": measure_checks,
    "throughput": measure_throughput,
    "archiving": measure_archiving,
    "estimates": measure_estimates,
}


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--size", type=Size, choices=list(Size), default=Size.FULL)
    parser.add_argument("--only", choices=list(PARTS), help="one part instead of all")
    asked = parser.parse_args()
    size = asked.size
    parts = [PARTS[asked.only]] if asked.only else list(PARTS.values())
    measurements = [measurement for part in parts for measurement in part(size)]
    table = _table(measurements)
    print(table)
    RESULTS.mkdir(exist_ok=True)
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{size}{f'-{asked.only}' if asked.only else ''}"
    (RESULTS / f"{name}.json").write_text(json.dumps([m.as_dict() for m in measurements], indent=1) + "\n")
    (RESULTS / f"{name}.md").write_text(table + "\n")
    print(f"\nkept in benchmarks/results/{name}.json and .md")


def _table(measurements: Sequence[Measurement]) -> str:
    lines = ["| What | Median | Slowest | Samples | Spread |", "|---|---|---|---|---|"]
    for measurement in measurements:
        values = measurement.values
        spread = (max(values) - min(values)) / statistics.median(values)
        lines.append(
            f"| {measurement.what} | {statistics.median(values):.2f} {measurement.unit} "
            f"| {max(values):.2f} {measurement.unit} | {len(values)} | {spread:.0%} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
