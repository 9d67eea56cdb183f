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
#: Seconds; a bare number above it is a time, not a duration.
_LONGEST_DURATION = 31 * 86400.0


def parse_rate_limit_headers(headers: Mapping[str, str], *, now: datetime) -> RateLimitHeaders | None:
    """Return what is left by OpenAI's headers (`x-ratelimit-*`) or Anthropic's; None where they do not say.

    OpenAI and compatible providers give the time to a reset as `1s`, `6m0s` or `20ms`; Anthropic gives its time in
    RFC 3339, from which `now` is subtracted.
    """
    found = RateLimitHeaders(
        requests=_count(headers, "x-ratelimit-remaining-requests", "anthropic-ratelimit-requests-remaining"),
        requests_reset=_reset(headers, "requests", now),
        tokens=_count(headers, "x-ratelimit-remaining-tokens", "anthropic-ratelimit-tokens-remaining"),
        tokens_reset=_reset(headers, "tokens", now),
    )
    return None if found == RateLimitHeaders() else found


def _count(headers: Mapping[str, str], *names: str) -> int | None:
    for value in _values(headers, names):
        digits = value.removeprefix("-")
        if digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST_NUMBER:
            return max(0, int(value))
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
