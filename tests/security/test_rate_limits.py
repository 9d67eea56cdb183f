from __future__ import annotations

from app.security.rate_limits import RateLimits


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_that_a_minutes_quota_may_be_used_at_once_and_fills_up_again() -> None:
    clock = Clock()
    limits = RateLimits(clock)
    verdicts = [limits.take("a", 2) for _ in range(3)]
    assert [one.allowed for one in verdicts] == [True, True, False]
    assert [one.remaining for one in verdicts] == [1, 0, 0]
    assert verdicts[-1].retry_in == 30
    clock.now = 29.0
    assert not limits.take("a", 2).allowed
    clock.now = 30.0
    assert limits.take("a", 2).allowed
    clock.now = 10_000.0
    assert [limits.take("a", 2).allowed for _ in range(3)] == [True, True, False]


def test_that_names_have_their_own_buckets_and_a_refused_request_costs_nothing() -> None:
    clock = Clock()
    limits = RateLimits(clock)
    assert limits.take("a", 1).allowed
    assert not any(limits.take("a", 1).allowed for _ in range(100))
    assert limits.take("b", 1).allowed
    clock.now = 60.0
    assert limits.take("a", 1).allowed


def test_that_a_look_takes_nothing() -> None:
    limits = RateLimits(Clock())
    assert all(limits.peek("a", 1).allowed for _ in range(3))
    assert limits.take("a", 1).allowed
    assert not limits.peek("a", 1).allowed


def test_that_the_headers_say_what_is_left() -> None:
    limits = RateLimits(Clock())
    assert limits.take("a", 2).headers == {
        "RateLimit-Policy": '"requests";q=2;w=60',
        "RateLimit": '"requests";r=1;t=30',
    }
    limits.take("a", 2)
    assert limits.take("a", 2).headers["Retry-After"] == "30"


def test_that_so_many_names_are_remembered_at_most_and_busy_ones_first() -> None:
    limits = RateLimits(Clock(), most=2)
    for name in ("a", "b", "a", "c"):
        limits.take(name, 2)
    assert len(limits._buckets) == 2
    assert not limits.take("a", 2).allowed  # what is not forgotten
    assert limits.take("b", 2).remaining == 1
