"""Token buckets: how often each principal may ask, and how often an address may fail to say who it is."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request is within its limit of `quota` per minute; `full_in` and `retry_in` are in seconds."""

    allowed: bool
    quota: int
    remaining: int
    full_in: int
    retry_in: int

    @property
    def headers(self) -> dict[str, str]:
        """The fields `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers), and `Retry-After`."""
        said = {
            "RateLimit-Policy": f'"requests";q={self.quota};w={_MINUTE:g}',
            "RateLimit": f'"requests";r={self.remaining};t={self.full_in}',
        }
        return said if self.allowed else {**said, "Retry-After": str(self.retry_in)}


class RateLimits:
    """A token bucket for each name: a minute's quota at once, and then as fast as it fills up again.

    Of at most `most` names something is remembered; those are forgotten first that have not asked for the longest time.
    A bucket that is forgotten is full again. `clock` is in seconds.
    """

    def __init__(self, clock: Callable[[], float], *, most: int = 10_000) -> None:
        self._clock = clock
        self._most = most
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, and when there were so many

    def take(self, name: str, per_minute: int) -> Verdict:
        """Take a token of the bucket of `name`, if there is one."""
        return self._look(name, per_minute, take=1.0)

    def peek(self, name: str, per_minute: int) -> Verdict:
        """Return whether there is a token, and leave it there."""
        return self._look(name, per_minute, take=0.0)

    def _look(self, name: str, per_minute: int, *, take: float) -> Verdict:
        now, per_second = self._clock(), per_minute / _MINUTE
        tokens, since = self._buckets.get(name, (float(per_minute), now))
        tokens = min(float(per_minute), tokens + (now - since) * per_second)
        allowed = tokens >= 1.0
        if allowed:
            tokens -= take
        self._buckets[name] = (tokens, now)
        self._buckets.move_to_end(name)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        retry_in = max(1, math.ceil((1.0 - tokens) / per_second)) if not allowed else 0
        return Verdict(allowed, per_minute, int(tokens), math.ceil((per_minute - tokens) / per_second), retry_in)
