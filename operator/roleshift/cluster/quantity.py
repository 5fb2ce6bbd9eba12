"""Kubernetes quantities, such as `500m` processors and `1Gi` bytes, as numbers."""

import re
from decimal import Decimal

# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
_QUANTITY = re.compile(
    r"^([+-]?[0-9]*\.?[0-9]+|[+-]?[0-9]+\.)(?:([eE][+-]?[0-9]+)|([numkMGTPE]|[KMGTPE]i)?)$"
)
_SUFFIXES = {
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("num", start=-3)},
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", start=1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)},
}


def quantity(text: object) -> Decimal:
    """The number that a quantity stands for.

    Raises:
        ValueError: it is none.
    """
    found = _QUANTITY.match(str(text))
    if not found:
        raise ValueError(f"{text!r} is no quantity")
    number, exponent, suffix = found.groups()
    return Decimal(f"{number}{exponent or ''}") * _SUFFIXES.get(suffix or "", Decimal(1))
