"""Keep to a provider's rate limits: the configured ones, corrected by its response headers."""

from __future__ import annotations

from collections.abc import Callable

from app.models.base import RateLimitHeaders
from app.models.limits.base import Admission, QueuedAhead
from app.models.limits.bucket import Bucket
from app.models.outcome import Attempt
from app.settings import LimitSettings

#: The longest that a response header may pause calls, in seconds: some give the reset of the daily limit.
_LONGEST = 120.0


class RateLimit:
    """Keeps to `limits`, of which this worker may use the part `share()`; without limits, only to what answers say.

    The part is that of one worker among those that call the model, times the number of keys: limits are of a key.
    """

    def __init__(self, limits: LimitSettings | None, share: Callable[[], float] = lambda: 1.0) -> None:
        chosen = limits or LimitSettings()
        self._share = share
        self._requests = chosen.requests_per_minute and Bucket(chosen.requests_per_minute)
        self._tokens = chosen.tokens_per_minute and Bucket(chosen.tokens_per_minute)
        self._limits = (chosen.requests_per_minute or 0, chosen.tokens_per_minute or 0)
        self._max_tokens_left = 0  # the most tokens that a response header reported as left: about the provider's limit
        self._closed_until = 0.0

    def wait(self, now: float, tokens: int, ahead: QueuedAhead) -> float:
        """Return after how many seconds the limits allow the attempt."""
        wait = max(0.0, self._closed_until - now)
        if self._requests or self._tokens:
            self._refill(now)
        if self._requests:
            wait = max(wait, self._requests.wait(1, ahead.requests))
        if self._tokens:
            before = min(ahead.tokens, ahead.requests * self._limits[1])
            wait = max(wait, self._tokens.wait(tokens, before))
        return wait

    def take(self, admission: Admission, now: float) -> None:  # noqa: ARG002  # the port's signature
        """Take an attempt, and the tokens that it is expected to use, off what is left."""
        if self._requests:
            self._requests.take(1)
        if self._tokens:
            self._tokens.take(self._expected(admission))

    def leave(self, admission: Admission, attempt: Attempt | None, now: float) -> None:
        """Put right what was expected: nothing was asked, or the provider has counted."""
        if attempt is None:
            self._correct(-1, -self._expected(admission))
        elif answer := attempt.paid:
            used = answer.usage.input_tokens + answer.usage.output_tokens
            self._correct(0, used - self._expected(admission) if used else 0)
            if answer.allowance:
                self._apply_headers(answer.allowance, admission.tokens, now)

    def _expected(self, admission: Admission) -> int:
        # An absurd limit on an answer, which the provider refuses, must not block the others for days.
        return min(admission.tokens, self._limits[1])

    def _correct(self, requests: int, tokens: int) -> None:
        if self._requests:
            self._requests.take(requests)
        if self._tokens:
            self._tokens.take(tokens)

    def _refill(self, now: float) -> None:
        share = self._share()
        requests, tokens = self._limits
        if self._requests:
            self._requests.refill(now, requests * share)
        if self._tokens:
            self._tokens.refill(now, tokens * share)

    def _apply_headers(self, left: RateLimitHeaders, tokens: int, now: float) -> None:
        """Follow the provider's headers where they report less than the local count."""
        if left.requests is not None:
            if self._requests:
                self._requests.cap(left.requests)
            elif left.requests == 0:
                self._pause(now, left.requests_reset or 0.0)
        if left.tokens is not None:
            self._max_tokens_left = max(self._max_tokens_left, left.tokens)
            if self._tokens:
                self._tokens.cap(left.tokens)
            elif left.tokens < tokens:
                # The header says when the whole limit is restored; one more call needs only a part of it.
                lacking = (tokens - left.tokens) / max(self._max_tokens_left - left.tokens, 1)
                self._pause(now, min(1.0, lacking) * (left.tokens_reset or 0.0))

    def _pause(self, now: float, seconds: float) -> None:
        self._closed_until = max(self._closed_until, now + min(seconds, _LONGEST))
