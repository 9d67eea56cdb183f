"""Durations as people write them: `250ms`, `30s`, `1h30m`, or a plain number of seconds."""

from __future__ import annotations

import re

_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?|\.[0-9]+) ?(ms|s|m|h|d) ?")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+")
_LONGEST = 100

#: What an error says of a text that is not a duration.
EXAMPLES = "a duration such as 250ms, 30s, 5m, 12h or 7d"


def parse_duration(text: str) -> float:
    """Return the seconds of `30s`, `250ms`, `5m`, `12h`, `7d`, or several such parts; a bare number is seconds.

    Raises:
        ValueError: it is none of these.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        raise ValueError(f"give {EXAMPLES}")
    if _NUMBER.fullmatch(text):
        return float(text)
    total, place = 0.0, 0
    while found := _PART.match(text, place):
        total += float(found[1]) * _UNITS[found[2]]
        place = found.end()
    if not text or place < len(text):
        raise ValueError(f"give {EXAMPLES}")
    return total


def format_duration(seconds: float) -> str:
    """Return so many seconds in the largest unit that gives a whole number, as `parse_duration` reads it."""
    for unit, length in _UNITS.items():
        if seconds >= length and seconds % length == 0:
            return f"{int(seconds // length)}{unit}"
    return f"{seconds:.12g}s" if seconds >= 1 else f"{seconds * 1000:.12g}ms"
