"""An operator's metrics as a test reads them."""

import re

from localenv.operator import OperatorProcess

_SAMPLE = re.compile(r"^(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def samples(operator: OperatorProcess, name: str, **labels: str) -> dict[tuple[tuple[str, str], ...], float]:
    """Every series of a name that carries these labels, by all its labels in order."""
    found = {}
    for line in operator.metrics_text().splitlines():
        sample = _SAMPLE.match(line)
        if sample is None or sample["name"] != name:
            continue
        has = dict(_LABEL.findall(sample["labels"] or ""))
        if labels.items() <= has.items():
            found[tuple(sorted(has.items()))] = float(sample["value"])
    return found


def total(operator: OperatorProcess, name: str, **labels: str) -> float:
    """The sum over every series of a name that carries these labels, 0 where there is none."""
    return sum(samples(operator, name, **labels).values())


def api_requests(operator: OperatorProcess, verb: str | None = None) -> int:
    """How many requests it has sent to the Kubernetes API: of one verb, or all but its Lease's (PUT)."""
    name = "roleshift_api_requests_total"
    if verb is not None:
        return int(total(operator, name, verb=verb))
    return int(total(operator, name) - total(operator, name, verb="PUT"))
