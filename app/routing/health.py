"""How fast and how reliable models are: what one worker measures, and what all workers together know."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from app.routing.base import Health
from topics.model_health import ModelHealth


@dataclass(frozen=True, slots=True)
class Tuning:
    """Times in seconds.

    A peak of duration decays with the time constant `decay`, and errors are counted over about `window`. The
    breaker opens after `consecutive` failures, or when more than `share` of at least `min_calls` failed; for
    `cool_down` at first, twice as long each time that the model then fails again, up to `max_cool_down`.
    """

    decay: float = 30.0
    window: float = 60.0
    consecutive: int = 5
    share: float = 0.5
    min_calls: float = 10.0
    cool_down: float = 5.0
    max_cool_down: float = 120.0


class Measure:
    """One worker's moving averages of one model, and its breaker; times are epoch seconds.

    The duration is a peak EWMA: it jumps up with a slow call, and comes down as time passes. Source: Finagle,
    `PeakEwma`. The breaker is closed, open until a time, or half open after it: then one success closes it,
    and one failure opens it for longer. What comes in while it is open began earlier, and does not move it.
    """

    def __init__(self, tuning: Tuning | None = None) -> None:
        self._tuning = tuning or Tuning()
        self._calls = 0
        self._seconds: float | None = None
        self._total = self._failed = 0.0
        self._at = 0.0
        self._row = 0  # failures since the last success
        self._trips = 0  # how often the breaker has opened since it was last closed
        self._open_until = 0.0

    def observe(self, seconds: float, ok: bool, now: float) -> None:  # noqa: FBT001  # an outcome, not a mode
        """Take in a call that ended at `now` after `seconds`; not `ok`: it failed for the model's sake."""
        passed = max(now - self._at, 0.0)
        self._at = max(now, self._at)
        self._calls += 1
        self._time(seconds, passed, ok=ok)
        self._count(passed, ok=ok)
        if now >= self._open_until:
            self._move(now, ok=ok)

    def snapshot(self, model: str, worker: str, now: float) -> ModelHealth:
        """Return what is to be told the other workers."""
        return ModelHealth(
            model=model,
            worker=worker,
            at=datetime.fromtimestamp(now, UTC),
            calls=self._calls,
            seconds=self._seconds or 0.0,
            errors=self._errors,
            open_until=datetime.fromtimestamp(self._open_until, UTC) if self._open_until > now else None,
        )

    @property
    def _errors(self) -> float:
        return self._failed / self._total if self._total else 0.0

    def _time(self, seconds: float, passed: float, *, ok: bool) -> None:
        if self._seconds is None or seconds >= self._seconds:
            self._seconds = seconds
        elif ok:  # a failure that came soon does not make the model fast
            kept = math.exp(-passed / self._tuning.decay)
            self._seconds = self._seconds * kept + seconds * (1 - kept)

    def _count(self, passed: float, *, ok: bool) -> None:
        kept = math.exp(-passed / self._tuning.window)
        self._total = self._total * kept + 1
        self._failed = self._failed * kept + (not ok)
        self._row = 0 if ok else self._row + 1

    def _move(self, now: float, *, ok: bool) -> None:
        if not ok and (self._trips or self._too_many()):
            doubled = self._tuning.cool_down * 2.0 ** min(self._trips, 30)
            self._open_until = now + min(doubled, self._tuning.max_cool_down)
            self._trips += 1
        elif ok and self._trips:
            self._trips, self._total, self._failed = 0, 1.0, 0.0

    def _too_many(self) -> bool:
        often = self._total >= self._tuning.min_calls and self._errors > self._tuning.share
        return often or self._row >= self._tuning.consecutive


class Board:
    """What all workers know of all models; times are in seconds.

    What a worker said counts less as it ages (time constant `fade`), and nothing after ten times that. When
    all that is known of a model is old, its durations and errors fade as well: it is worth another try. The
    picture is made anew when something was said, and otherwise every `hold` seconds.
    """

    def __init__(self, *, fade: float = 60.0, hold: float = 1.0) -> None:
        self._fade = fade
        self._hold = hold
        self._said: dict[str, dict[str, ModelHealth]] = {}
        self._picture: Mapping[str, Health] = {}
        self._made_at = -math.inf

    def apply(self, event: ModelHealth) -> None:
        """Take in what a worker says; what is older than what it said before is ignored."""
        workers = self._said.setdefault(event.model, {})
        known = workers.get(event.worker)
        if known is None or known.at <= event.at:
            workers[event.worker] = event
            self._made_at = -math.inf

    def health(self, now: float) -> Mapping[str, Health]:
        """Return what is known lately, by model: a mapping that does not change afterwards."""
        if not 0 <= now - self._made_at < self._hold:
            self._forget(now)
            self._picture = MappingProxyType({model: self._merged(said, now) for model, said in self._said.items()})
            self._made_at = now
        return self._picture

    def _forget(self, now: float) -> None:
        for model, workers in list(self._said.items()):
            kept = {name: event for name, event in workers.items() if now - event.at.timestamp() <= 10 * self._fade}
            if kept:
                self._said[model] = kept
            else:
                del self._said[model]

    def _merged(self, said: Mapping[str, ModelHealth], now: float) -> Health:
        pairs = [(event, math.exp(-max(now - event.at.timestamp(), 0.0) / self._fade)) for event in said.values()]
        total, newest = sum(weight for _, weight in pairs), max(weight for _, weight in pairs)
        seconds = sum(event.seconds * weight for event, weight in pairs) / total
        errors = sum(event.errors * weight for event, weight in pairs) / total
        return Health(seconds * newest, min(errors * newest, 1.0), _middle(list(_openings(pairs))))


def _openings(pairs: Sequence[tuple[ModelHealth, float]]) -> Iterator[tuple[float, float]]:
    for event, weight in pairs:
        yield (event.open_until.timestamp() if event.open_until else 0.0), weight


def _middle(weighed: Sequence[tuple[float, float]]) -> float:
    """Return the weighted median, the higher of two: one worker of many that cannot reach a model closes it to none."""
    half, so_far = sum(weight for _, weight in weighed) / 2, 0.0
    for value, weight in sorted(weighed, reverse=True):
        so_far += weight
        if so_far >= half:
            return value
    return 0.0
