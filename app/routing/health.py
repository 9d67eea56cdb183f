"""How fast and how reliable models are: what one worker measures, and what all workers know together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from app.routing.base import HealthSnapshot
from app.routing.breaker import Breaker
from topics.model_health import ModelHealth

#: Until when a breaker is open (epoch seconds), and how often it has opened since it was last closed.
Opened = tuple[float, int]
_CLOSED: Opened = (0.0, 0)
_Weighed = tuple[ModelHealth, float]


@dataclass(frozen=True, slots=True)
class HealthTuning:
    """Times in seconds.

    A peak of duration decays with the time constant `decay`, and errors are counted over about `window`.
    """

    decay: float = 30.0
    window: float = 60.0


class Measure:
    """One worker's moving averages of the calls of one model, and the breaker of its attempts.

    Times are epoch seconds. The duration is a peak EWMA: it jumps up with a slow call, and comes down as time
    passes. Source: Finagle, `PeakEwma`.
    """

    def __init__(self, tuning: HealthTuning | None = None, breaker: Breaker | None = None) -> None:
        self.breaker = breaker or Breaker()
        self._tuning = tuning or HealthTuning()
        self._calls = 0
        self._seconds: float | None = None
        self._total = self._failed = 0.0
        self._at = 0.0

    def observe(self, seconds: float, ok: bool, now: float) -> None:  # noqa: FBT001  # an outcome, not a mode
        """Record a call that ended at `now` after `seconds`; not `ok`: it failed through the model's fault."""
        passed = max(now - self._at, 0.0)
        self._at = max(now, self._at)
        self._calls += 1
        self._time(seconds, passed, ok=ok)
        kept = math.exp(-passed / self._tuning.window)
        self._total = self._total * kept + 1
        self._failed = self._failed * kept + (not ok)

    def snapshot(self, model: str, worker: str, now: float) -> ModelHealth:
        """Return the event for the other workers."""
        return ModelHealth(
            model=model,
            worker=worker,
            at=datetime.fromtimestamp(now, UTC),
            calls=self._calls,
            seconds=self._seconds or 0.0,
            errors=self._failed / self._total if self._total else 0.0,
            open_until=datetime.fromtimestamp(self.breaker.open_until, UTC) if self.breaker.trips else None,
            trips=self.breaker.trips,
        )

    def _time(self, seconds: float, passed: float, *, ok: bool) -> None:
        if self._seconds is None or seconds >= self._seconds:
            self._seconds = seconds
        elif ok:  # a quick failure does not make the model fast
            kept = math.exp(-passed / self._tuning.decay)
            self._seconds = self._seconds * kept + seconds * (1 - kept)


class HealthBoard:
    """What all workers know of all models; times are in seconds.

    A worker's report counts less as it ages (time constant `fade`), and nothing after ten times that. When all reports
    on a model are old, its durations and errors fade too: it is worth another try. The snapshots are rebuilt after a
    new report, and otherwise every `hold` seconds.
    """

    def __init__(self, *, fade: float = 60.0, hold: float = 1.0) -> None:
        self._fade = fade
        self._hold = hold
        self._reports: dict[str, dict[str, ModelHealth]] = {}
        self._snapshots: Mapping[str, HealthSnapshot] = {}
        self._opened: dict[str, Opened] = {}
        self._made_at = -math.inf

    def apply(self, event: ModelHealth) -> None:
        """Take in a worker's report; one that is older than its last is ignored."""
        workers = self._reports.setdefault(event.model, {})
        known = workers.get(event.worker)
        if known is None or known.at <= event.at:
            workers[event.worker] = event
            self._made_at = -math.inf

    def health(self, now: float) -> Mapping[str, HealthSnapshot]:
        """Return the recent health of each model: a mapping that does not change afterwards."""
        if not 0 <= now - self._made_at < self._hold:
            self._forget(now)
            weighed = {
                model: [(one, math.exp(-max(now - one.at.timestamp(), 0.0) / self._fade)) for one in reports.values()]
                for model, reports in self._reports.items()
            }
            self._opened = {model: _middle(list(_openings(pairs))) for model, pairs in weighed.items()}
            self._snapshots = MappingProxyType({model: self._merged(model, pairs) for model, pairs in weighed.items()})
            self._made_at = now
        return self._snapshots

    def opened(self, model: str, now: float) -> Opened:
        """Return until when (epoch seconds) a model's breaker is open, and how often it has opened in a row."""
        self.health(now)
        return self._opened.get(model, _CLOSED)

    def callers(self, model: str, now: float, *, lately: float = 30.0) -> int:
        """Return how many workers have called a model in the last `lately` seconds, at least 1."""
        reports = self._reports.get(model, {}).values()
        return max(1, sum(now - event.at.timestamp() <= lately for event in reports))

    def _forget(self, now: float) -> None:
        for model, workers in list(self._reports.items()):
            kept = {name: event for name, event in workers.items() if now - event.at.timestamp() <= 10 * self._fade}
            if kept:
                self._reports[model] = kept
            else:
                del self._reports[model]

    def _merged(self, model: str, pairs: Sequence[_Weighed]) -> HealthSnapshot:
        total, newest = sum(weight for _, weight in pairs), max(weight for _, weight in pairs)
        seconds = sum(event.seconds * weight for event, weight in pairs) / total
        errors = sum(event.errors * weight for event, weight in pairs) / total
        return HealthSnapshot(seconds * newest, min(errors * newest, 1.0), self._opened[model][0])


def _openings(pairs: Sequence[_Weighed]) -> Iterator[tuple[Opened, float]]:
    for event, weight in pairs:
        yield (event.open_until.timestamp(), event.trips) if event.open_until else _CLOSED, weight


def _middle(weighed: Sequence[tuple[Opened, float]]) -> Opened:
    """Return the weighted median, the higher of two: one worker of many that cannot reach a model does not block it."""
    half, so_far = sum(weight for _, weight in weighed) / 2, 0.0
    for value, weight in sorted(weighed, reverse=True):
        so_far += weight
        if so_far >= half:
            return value
    return _CLOSED
