"""A circuit breaker: it stops calls to a model that fails, and lets a few through later to see whether it is back."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

State = Literal["closed", "open", "half_open"]

#: Failures in a row that are less probable than this are not a coincidence.
_COINCIDENCE = 1e-6


@dataclass(frozen=True, slots=True)
class BreakerTuning:
    """When a breaker opens, and for how long; times in seconds.

    It opens when more than `share` of at least `min_calls` failed, counted over about `window`, or when there were at
    least `consecutive` failures in a row, too many to be a coincidence given how many failed before; and only when that
    has lasted for `quiet`. It stays open for `cool_down` at first, twice as long each time that the model then fails
    again, up to `max_cool_down`.
    """

    window: float = 60.0
    consecutive: int = 5
    share: float = 0.5
    min_calls: float = 10.0
    quiet: float = 2.0
    cool_down: float = 5.0
    max_cool_down: float = 120.0


class Breaker:
    """The breaker of one model; times are epoch seconds, since all workers share them.

    It is closed, open until a time, or half open after it: then one success closes it, and one failure opens it
    for longer. A call that ends while it is open began earlier, and does not change it. `trips` is how often it has
    opened since it was last closed.

    Source: Michael Nygard, "Release It!", 2007, "Circuit Breaker".
    """

    def __init__(self, tuning: BreakerTuning | None = None) -> None:
        self._tuning = tuning or BreakerTuning()
        self._total = self._failed = 0.0
        self._at = 0.0
        self._row = 0  # failures since the last success
        self._began: float | None = None
        self._good_at = 0.0
        self.trips = 0
        self.open_until = 0.0

    def state(self, now: float) -> State:
        """Return what it is at `now`."""
        if not self.trips:
            return "closed"
        # Later than it can be: the clock was set back, and calls must not be refused until it is that late again.
        far = self.open_until > now + 2 * self._tuning.max_cool_down
        return "open" if now < self.open_until and not far else "half_open"

    def note(self, *, ok: bool, now: float) -> None:
        """Record an attempt that ended at `now`; not `ok`: it failed through the model's fault."""
        if self._began is None:
            self._began = self._good_at = now
        if now < self._at - 2 * self._tuning.max_cool_down:
            self._set_back(self._at - now)
        passed = max(now - self._at, 0.0)
        self._at = max(now, self._at)
        kept = math.exp(-passed / self._tuning.window)
        self._total = self._total * kept + 1
        self._failed = self._failed * kept + (not ok)
        self._row = 0 if ok else self._row + 1
        self._good_at = now if ok else self._good_at
        if now >= self.open_until:
            self._move(now, ok=ok)

    def _set_back(self, seconds: float) -> None:
        """Follow the clock, which was set back: move all times back with it."""
        self._at -= seconds
        self._good_at -= seconds
        self.open_until = max(0.0, self.open_until - seconds)
        self._began = None if self._began is None else self._began - seconds

    def learn(self, until: float, trips: int) -> None:
        """Take over what other workers, or this one before its restart, know: open `until`, after `trips`."""
        if until > self.open_until and until > self._at:  # not if it has been recorded since
            self.open_until, self.trips = until, max(trips, self.trips, 1)

    def _move(self, now: float, *, ok: bool) -> None:
        if not ok and (self.trips or self._too_many(now)):
            doubled = self._tuning.cool_down * 2.0 ** min(self.trips, 30)
            self.open_until = now + min(doubled, self._tuning.max_cool_down)
            self.trips += 1
        elif ok and self.trips:
            self.trips, self._total, self._failed, self._began = 0, 1.0, 0.0, now

    def _too_many(self, now: float) -> bool:
        tuning = self._tuning
        # Of many calls made at once, failures return first: they count only a little later.
        if now - (self._began or now) < tuning.quiet:
            return False
        often = self._total >= tuning.min_calls and self._failed > tuning.share * self._total
        return often or (now - self._good_at >= tuning.quiet and self._row >= self._improbable())

    def _improbable(self) -> float:
        """Return how many failures in a row are not a coincidence, given the share of earlier calls that failed."""
        before = self._total - self._row
        share = (self._failed - self._row) / before if before > 0 else 0.0
        if share <= 0:
            return self._tuning.consecutive
        return max(self._tuning.consecutive, math.log(_COINCIDENCE) / math.log(min(share, 0.9)))


class Circuit:
    """A breaker as one worker's calls use it: `learn` is called first, and adds what other workers know."""

    def __init__(self, breaker: Breaker, learn: Callable[[Breaker, float], None], changed: Callable[[], None]) -> None:
        self._breaker = breaker
        self._learn = learn
        self._changed = changed

    @property
    def open_until(self) -> float:
        """Until when it is open, in epoch seconds; in the past when it is not."""
        return self._breaker.open_until

    def state(self, now: float) -> State:
        """Return what it is at `now`."""
        self._learn(self._breaker, now)
        return self._breaker.state(now)

    def note(self, *, ok: bool, now: float) -> None:
        """Record an attempt that ended at `now`; not `ok`: it failed through the model's fault."""
        before = self._breaker.trips
        self._breaker.note(ok=ok, now=now)
        if self._breaker.trips != before:
            self._changed()
