"""What one worker has seen of its models: their health, and the breakers that their calls go through."""

from __future__ import annotations

from app.routing.breaker import Breaker, Circuit
from app.routing.health import HealthBoard, Measure
from topics.model_health import ModelHealth


class HealthRecorder:
    """What this worker, called `worker`, has seen of its models since it started.

    Its breakers begin with what the `board` knows, so that a restarted worker need not find out again.
    """

    def __init__(self, worker: str, board: HealthBoard | None = None) -> None:
        self._worker = worker
        self._board = board or HealthBoard()
        self._measures: dict[str, Measure] = {}
        self._changed: set[str] = set()

    def observe(self, model: str, seconds: float, *, ok: bool, now: float) -> None:
        """Record a call that ended at epoch seconds `now`; not `ok` is one that failed through the model's fault."""
        self._measure(model).observe(seconds, ok=ok, now=now)
        self._changed.add(model)

    def circuit(self, model: str) -> Circuit:
        """Return the breaker through which the attempts at a model go."""

        def learn(breaker: Breaker, now: float) -> None:
            breaker.learn(*self._board.opened(model, now))

        return Circuit(self._measure(model).breaker, learn, lambda: self._changed.add(model))

    def _measure(self, model: str) -> Measure:
        if (measure := self._measures.get(model)) is None:
            measure = self._measures[model] = Measure()
        return measure

    def take_changed(self, now: float) -> list[ModelHealth]:
        """Return the health of the models that were called since the last time."""
        changed, self._changed = sorted(self._changed), set()
        return [self._measures[model].snapshot(model, self._worker, now) for model in changed]
