"""How many attempts at once a model can take, found out by trying."""

from __future__ import annotations

import math

from app.errors import ModelError
from app.models.guards.base import Ahead, Ticket
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
#: Tokens that stand for what an answer takes whatever its length: reading the prompt, and the way.
_BASE_TOKENS = 32


class Adaptive:
    """Lets so many attempts at once through as do the model good, between 1 and `at_most`.

    The bound begins at `at_most`. It falls to a part of what was under way when the model is overloaded or has
    become slow, once for all the attempts that were then under way; it rises by its square root for each full round
    of answers that came while it was in use. So it settles where the model's own bound is, as a TCP connection does.

    Sources: Dah-Ming Chiu and Raj Jain, "Analysis of the increase and decrease algorithms for congestion avoidance",
    1989; Netflix concurrency-limits, `Gradient2Limit`, for the rise, and for comparing the short run with the long.
    """

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._bound = float(at_most)
        self._under_way = 0
        self._fell_at = -math.inf
        self._pace = _Pace()

    @property
    def bound(self) -> int:
        """How many may be under way."""
        return int(self._bound)

    def wait(self, now: float, tokens: int, ahead: Ahead) -> float:  # noqa: ARG002  # the port's signature
        """Return 0 when there is a place, and else infinity: one comes when another attempt leaves."""
        return 0.0 if self._under_way < self.bound else math.inf

    def take(self, ticket: Ticket, now: float) -> None:  # noqa: ARG002  # likewise
        """Take a place."""
        self._under_way += 1
        ticket.beside = self._under_way

    def leave(self, ticket: Ticket, attempt: Attempt | None, now: float) -> None:
        """Give the place back, and learn from how it went."""
        used = max(self._under_way, ticket.beside)
        self._under_way -= 1
        if attempt is None or attempt.lost or attempt.short or ticket.spared:
            return
        if attempt.error is not None:
            if _is_too_much(attempt.error):
                self._fall(ticket, used, now)
        elif self._pace.slow(attempt):
            self._fall(ticket, used, now)
        elif 2 * used >= self.bound:
            self._bound = min(self._at_most, self._bound + 1 / math.sqrt(self._bound))

    def _fall(self, ticket: Ticket, used: int, now: float) -> None:
        if ticket.entered < self._fell_at:
            return  # it began under the bound that has fallen since
        self._bound = max(1.0, min(self._bound, used) * _DECREASE)
        self._fell_at = now


def _is_too_much(error: ModelError) -> bool:
    # A provider that says when to come back counts in minutes; one that does not may count what is under way.
    return error.code in _OVERLOAD or (error.code == "rate_limited" and error.retry_after is None)


class _Pace:
    """How long answers take for their length, lately and in the long run."""

    def __init__(self) -> None:
        self._seen = 0
        self._short = self._long = 0.0

    def slow(self, attempt: Attempt) -> bool:
        """Take in an answer; return whether answers have become slow."""
        length = attempt.completion.usage.output_tokens if attempt.completion else 0
        pace = attempt.seconds / (_BASE_TOKENS + length)
        self._seen += 1
        self._short += (pace - self._short) / min(self._seen, _SHORT)
        self._long += (pace - self._long) / min(self._seen, _LONG)
        if self._short < self._long / 2:
            self._long *= 0.95  # it was slow for long, and is not any more
        return self._seen >= _ENOUGH and self._short > _SLOW * self._long
