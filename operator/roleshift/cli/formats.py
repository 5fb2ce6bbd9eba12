"""Numbers, sizes and times as people read them, and durations as people write them. Pure."""

import re
from datetime import timedelta

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")
_SIZES = ("bytes", "kB", "MB", "GB", "TB")


def seconds_of(duration: str) -> float:
    """Seconds of a duration such as `90`, `90s`, `10m` or `1h30m`.

    Raises:
        ValueError: it is none; the message shows what one looks like.
    """
    found = _DURATION.fullmatch(duration.strip())
    parts = found.groups() if found else (None, None, None)
    if not any(parts):
        raise ValueError(f"{duration!r} is no duration: write 90s, 10m or 1h30m")
    return sum(float(part) * unit for part, unit in zip(parts, _UNITS.values(), strict=True) if part)


def count(number: int, noun: str = "") -> str:
    """`1,234 rows` for (1234, "row")."""
    if not noun:
        return f"{number:,}"
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def size(number: int) -> str:
    """Bytes in the largest decimal unit that leaves at least one of it: `7.6 MB`."""
    value, unit = float(number), 0
    while value >= 1000 and unit < len(_SIZES) - 1:
        value, unit = value / 1000, unit + 1
    return f"{number} bytes" if unit == 0 else f"{value:.1f} {_SIZES[unit]}"


def printable(line: str) -> str:
    """A name from the database can't move the cursor or change colours."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in line)


def duration(span: timedelta) -> str:
    """The two largest units: `<1 s`, `12 s`, `3 m 20 s`, `2 h 5 m`, `3 d 4 h`; the past counts as now."""
    seconds = int(span.total_seconds())
    if seconds < 1:
        return "<1 s"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    named = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")]
    first = next(index for index, (value, _) in enumerate(named) if value)
    return " ".join(f"{value} {unit}" for value, unit in named[first : first + 2] if value)
