from __future__ import annotations

import pytest

from app.models.base import RateLimitHeaders
from app.models.limits.base import QueuedAhead
from app.models.limits.rate_limit import RateLimit
from app.settings import LimitSettings
from tests.models.limits.samples import admission, answered, failed

NOBODY = QueuedAhead()


def _rate(requests: int | None = None, tokens: int | None = None, share: float = 1.0) -> RateLimit:
    return RateLimit(LimitSettings(requests_per_minute=requests, tokens_per_minute=tokens), lambda: share)


def _passed(rate: RateLimit, tokens: int = 10, now: float = 0.0) -> int:
    """Return how many attempts pass at once."""
    passed = 0
    while passed < 1000 and not rate.wait(now, tokens, NOBODY):
        rate.take(admission(tokens), now)
        passed += 1
    return passed


def test_without_limits_everything_passes() -> None:
    assert _passed(RateLimit(None)) == 1000


def test_requests_are_limited() -> None:
    rate = _rate(requests=120)
    assert _passed(rate) == 10
    assert rate.wait(0.0, 10, NOBODY) > 0
    assert rate.wait(60.0, 10, NOBODY) == 0


def test_tokens_are_limited() -> None:
    assert _passed(_rate(tokens=1200), tokens=25) == 4


def test_a_worker_takes_its_part() -> None:
    assert _passed(_rate(requests=120, share=0.5)) == 5
    assert _passed(_rate(requests=120, share=3.0)) == 30


def test_those_ahead_are_waited_for() -> None:
    rate = _rate(requests=120)
    assert rate.wait(0.0, 10, QueuedAhead(9, 90)) == 0
    assert rate.wait(0.0, 10, QueuedAhead(20, 200)) == pytest.approx(11 / (110 / 60))


def test_what_the_provider_counts_puts_the_estimate_right() -> None:
    rate = _rate(tokens=1200)
    one = admission(100)
    assert rate.wait(0.0, 100, NOBODY) == 0
    rate.take(one, 0.0)
    assert rate.wait(0.0, 50, NOBODY) > 0
    rate.leave(one, answered(tokens=10, read=30), 0.0)
    assert rate.wait(0.0, 60, NOBODY) == 0
    assert rate.wait(0.0, 61, NOBODY) > 0


def test_what_was_not_asked_is_given_back_and_what_failed_is_not() -> None:
    rate = _rate(requests=12, tokens=1200)
    one = admission(100)
    rate.wait(0.0, 100, NOBODY)
    rate.take(one, 0.0)
    rate.leave(one, None, 0.0)
    assert rate.wait(0.0, 100, NOBODY) == 0
    rate.take(one, 0.0)
    rate.leave(one, failed("timeout"), 0.0)
    assert rate.wait(0.0, 100, NOBODY) > 0


def test_an_answer_that_says_that_less_is_left_is_believed() -> None:
    rate = _rate(requests=1200)
    one = admission()
    assert rate.wait(0.0, 10, NOBODY) == 0
    rate.take(one, 0.0)
    rate.leave(one, answered(allowance=RateLimitHeaders(requests=2)), 0.0)
    assert _passed(rate) == 2


def test_without_limits_an_answer_that_says_that_nothing_is_left_closes_the_way() -> None:
    rate = RateLimit(None)
    rate.leave(admission(), answered(allowance=RateLimitHeaders(requests=0, requests_reset=7.0)), 100.0)
    assert rate.wait(100.0, 10, NOBODY) == 7.0
    assert rate.wait(107.0, 10, NOBODY) == 0.0
    rate.leave(admission(), answered(allowance=RateLimitHeaders(requests=0, requests_reset=86400.0)), 200.0)
    assert rate.wait(200.0, 10, NOBODY) == 120.0


def test_without_limits_few_tokens_left_are_waited_for_as_long_as_it_takes_for_one_call() -> None:
    rate = RateLimit(None)
    rate.leave(admission(100), answered(allowance=RateLimitHeaders(tokens=1050, tokens_reset=0.1)), 0.0)
    assert rate.wait(0.0, 100, NOBODY) == 0.0
    rate.leave(admission(100), answered(allowance=RateLimitHeaders(tokens=50, tokens_reset=60.0)), 0.0)
    assert rate.wait(0.0, 100, NOBODY) == pytest.approx(60 * 50 / 1000)


def test_an_absurd_bound_on_an_answer_does_not_keep_the_others_away_for_days() -> None:
    rate = _rate(tokens=6000)
    assert rate.wait(0.0, 10**9, NOBODY) == 0
    absurd = admission(10**9)
    rate.take(absurd, 0.0)
    rate.leave(absurd, failed("invalid_request"), 0.0)
    assert 0 < rate.wait(0.0, 10, NOBODY) < 61
    assert rate.wait(60.0, 10, QueuedAhead(1, 10**9)) <= 120
