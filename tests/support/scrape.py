"""An operator's metrics as a test reads them."""

import re

from localenv.operator import OperatorProcess

_SAMPLE = re.compile(r"^(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def samples(
    operator: OperatorProcess, series: str, /, **labels: str
) -> dict[tuple[tuple[str, str], ...], float]:
    """Every sample of a series that carries these labels, by all its labels in order."""
    found: dict[tuple[tuple[str, str], ...], float] = {}
    for line in operator.metrics_text().splitlines():
        sample = _SAMPLE.match(line)
        if sample is None or sample["name"] != series:
            continue
        has = dict(_LABEL.findall(sample["labels"] or ""))
        if labels.items() <= has.items():
            found[tuple(sorted(has.items()))] = float(sample["value"])
    return found


def total(operator: OperatorProcess, series: str, /, **labels: str) -> float:
    """The sum over every sample of a series that carries these labels, 0 where there is none."""
    return sum(samples(operator, series, **labels).values())


def api_requests(operator: OperatorProcess, verb: str | None = None) -> int:
    """How many requests it has sent to the Kubernetes API: of one verb, or all but its Lease's (PUT)."""
    series = "roleshift_api_requests_total"
    if verb is not None:
        return int(total(operator, series, verb=verb))
    return int(total(operator, series) - total(operator, series, verb="PUT"))
