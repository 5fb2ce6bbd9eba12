"""Figures as people read them in messages."""

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
_STEP = 1024


def amount(size: float) -> str:
    """Bytes in the unit that leaves the fewest digits, for instance `1.5 GiB`."""
    unit = 0
    while size >= _STEP and unit < len(_UNITS) - 1:
        size, unit = size / _STEP, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 or size >= 100 else f"{size:.1f} {_UNITS[unit]}"


def counted(number: int, one: str, many: str) -> str:
    """`1 index`, `2 indexes`."""
    return f"{number} {one if number == 1 else many}"
