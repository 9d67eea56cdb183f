"""Parse the rate limit headers of a response."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from app.models.base import RateLimitHeaders

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")
#: Digits; a longer number is not a count of requests or tokens.
_LONGEST_NUMBER = 15
#: What a provider puts where it does not know.
_UNKNOWN = -1
#: Seconds; a bare number above it is a time, not a duration.
_LONGEST_DURATION = 31 * 86400.0


def parse_rate_limit_headers(headers: Mapping[str, str], *, now: datetime) -> RateLimitHeaders | None:
    """Return what is left by OpenAI's headers (`x-ratelimit-*`) or Anthropic's; None where they do not say.

    A provider that knows no limit says -1 (Azure), or that nothing is left of a limit of 0 or -1: that is not told.
    OpenAI and compatible providers give the time to a reset as `1s`, `6m0s` or `20ms`; Anthropic gives its time in
    RFC 3339, from which `now` is subtracted.
    """
    found = RateLimitHeaders(
        requests=_left(headers, "requests"),
        requests_reset=_reset(headers, "requests", now),
        tokens=_left(headers, "tokens"),
        tokens_reset=_reset(headers, "tokens", now),
    )
    return None if found == RateLimitHeaders() else found


def _left(headers: Mapping[str, str], what: str) -> int | None:
    left = _count(headers, f"x-ratelimit-remaining-{what}", f"anthropic-ratelimit-{what}-remaining")
    limit = _count(headers, f"x-ratelimit-limit-{what}", f"anthropic-ratelimit-{what}-limit")
    if left in {None, _UNKNOWN} or (limit is not None and limit <= 0):
        return None
    return max(0, left or 0)


def _count(headers: Mapping[str, str], *names: str) -> int | None:
    for value in _values(headers, names):
        whole, _, zeros = value.partition(".")  # some count in floats
        digits = whole.removeprefix("-")
        if digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST_NUMBER and not zeros.strip("0"):
            return int(whole)
    return None


def _reset(headers: Mapping[str, str], what: str, now: datetime) -> float | None:
    for value in _values(headers, (f"x-ratelimit-reset-{what}", f"anthropic-ratelimit-{what}-reset")):
        seconds = _seconds(value)
        return _seconds_until(value, now) if seconds is None else seconds
    return None


def _values(headers: Mapping[str, str], names: Iterable[str]) -> list[str]:
    return [value.strip() for value in map(headers.get, names) if value]


def _seconds(value: str) -> float | None:
    if _DURATION.fullmatch(value):
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(value))
    else:
        try:
            seconds = float(value)
        except ValueError:
            return None
    return seconds if 0 <= seconds <= _LONGEST_DURATION else None


def _seconds_until(value: str, now: datetime) -> float | None:
    try:
        then = datetime.fromisoformat(value)
        then = then if then.tzinfo else then.replace(tzinfo=UTC)
        return max(0.0, (then - now).total_seconds())
    except (ValueError, OverflowError):
        return None
