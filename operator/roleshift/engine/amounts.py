"""Bytes and seconds as people read them. Pure."""

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
_STEP = 1024


def amount(size: float) -> str:
    """Bytes in the unit that leaves the fewest digits, for instance `1.5 GiB`."""
    unit = 0
    while size >= _STEP and unit < len(_UNITS) - 1:
        size, unit = size / _STEP, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 or size >= 100 else f"{size:.1f} {_UNITS[unit]}"


def measured_seconds(seconds: float) -> str:
    """Seconds with as many digits as matter: `<0.1 s`, `0.3 s`, `42 s`."""
    if seconds < 0.1:
        return "<0.1 s"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
