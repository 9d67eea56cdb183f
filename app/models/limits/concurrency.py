"""Adaptive concurrency: find out how many concurrent attempts a model can take."""

from __future__ import annotations

import math

from app.errors import ModelError
from app.models.limits.base import Admission, QueuedAhead
from app.models.outcome import Attempt

#: Errors that say that it is too much at once.
_OVERLOAD = frozenset({"overloaded", "timeout"})
#: What the bound is multiplied with when it was too much.
_DECREASE = 0.7
#: An answer is slow when it takes so many times as long, for its length, as answers do in the long run.
_SLOW = 2.5
#: Answers over which the short and the long run are averaged.
_SHORT, _LONG = 10, 600
#: Below so many answers nothing is known of the long run.
_ENOUGH = 30
#: If it was too much at once, answers become faster when the bound falls: their pace is at most so much of what it was.
_HELPED = 0.85
#: Tokens that stand for what an answer takes whatever its length: reading the prompt, and the way.
_BASE_TOKENS = 32


class AdaptiveConcurrency:
    """Adapts the number of concurrent attempts to what the model can take, between 1 and `at_most`.

    The bound begins at `at_most`. It falls to a part of what was under way when the model is overloaded or has
    become slow, once for all the attempts that were then under way; it rises by its square root for each full round
    of answers that came while it was in use. So it settles where the model's own bound is, as a TCP connection does.

    Answers may also be slow for another reason: harder questions, or a slow day of the provider. Then fewer at once do
    not make them faster: the bound returns to where it was, and the slow pace is the usual one from then on.

    Sources: Dah-Ming Chiu and Raj Jain, "Analysis of the increase and decrease algorithms for congestion avoidance",
    1989; Netflix concurrency-limits, `Gradient2Limit`, for the rise, and for comparing the short run with the long.
    """

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._bound = float(at_most)
        self._in_flight = 0
        #: The bound before it last fell because of slow answers.
        self._before = self._bound
        self._decreased_at = -math.inf
        self._latency = _LatencyTrend()

    @property
    def bound(self) -> int:
        """How many attempts may run concurrently."""
        return int(self._bound)

    def wait(self, now: float, tokens: int, ahead: QueuedAhead) -> float:  # noqa: ARG002  # the port's signature
        """Return 0 if a slot is free, else infinity: a slot is freed when another attempt leaves."""
        return 0.0 if self._in_flight < self.bound else math.inf

    def take(self, admission: Admission, now: float) -> None:  # noqa: ARG002  # likewise
        """Take a slot."""
        self._in_flight += 1
        admission.in_flight = self._in_flight

    def leave(self, admission: Admission, attempt: Attempt | None, now: float) -> None:
        """Release the slot, and learn from the outcome."""
        used = max(self._in_flight, admission.in_flight)
        self._in_flight -= 1
        if attempt is None or attempt.lost or attempt.short or admission.spared:
            return
        if admission.entered < self._decreased_at:
            return  # it began under the bound that has fallen since
        if attempt.error is not None:
            if _is_overload(attempt.error):
                self._fall(used, now)
        elif self._latency.slow(attempt):
            self._slow_down(used, now)
        elif 2 * used >= self.bound:
            self._bound = min(self._at_most, self._bound + 1 / math.sqrt(self._bound))

    def _slow_down(self, used: int, now: float) -> None:
        if self._latency.helped():
            self._before = self._bound
            self._fall(used, now)
        else:
            self._bound = max(self._bound, self._before)
            self._latency.accept()

    def _fall(self, used: int, now: float) -> None:
        self._bound = max(1.0, min(self._bound, used) * _DECREASE)
        self._decreased_at = now


def _is_overload(error: ModelError) -> bool:
    # A provider that says when to come back counts in minutes; one that does not may count what is under way.
    return error.code in _OVERLOAD or (error.code == "rate_limited" and error.retry_after is None)


class _LatencyTrend:
    """How long answers take for their length, recently and in the long run."""

    def __init__(self) -> None:
        self._seen = self._recent = 0
        self._short = self._long = 0.0
        self._suspected = False
        #: The pace when the bound last fell because of it.
        self._slow = math.inf

    def slow(self, attempt: Attempt) -> bool:
        """Take in an answer; return whether answers have become slow."""
        length = attempt.completion.usage.output_tokens if attempt.completion else 0
        pace = attempt.seconds / (_BASE_TOKENS + length)
        self._seen += 1
        self._recent += 1
        self._short += (pace - self._short) / min(self._recent, _SHORT)
        self._long += (pace - self._long) / min(self._seen, _LONG)
        if self._short < self._long / 2:
            self._long *= 0.95  # it was slow for long, and is not any more
        if self._seen < _ENOUGH or self._short <= _SLOW * self._long:
            self._suspected, self._slow = False, math.inf
        elif not self._suspected:
            self._suspected, self._recent = True, 0  # how slow they are, those that come now will say
        return self._suspected and self._recent >= _SHORT

    def helped(self) -> bool:
        """Whether answers are faster since the bound fell because of them, or it did not fall; look at them afresh."""
        found = self._short <= _HELPED * self._slow
        self._slow, self._recent = self._short, 0
        return found

    def accept(self) -> None:
        """Take the recent pace for the usual one."""
        self._long, self._slow = self._short, math.inf
