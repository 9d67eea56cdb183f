from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.routing.breaker import Breaker, BreakerTuning, Circuit

START = 1_800_000_000.0


def _breaker(*attempts: tuple[float, bool], **tuning: Any) -> Breaker:
    """Return a breaker that has seen attempts: (when they ended, whether they succeeded)."""
    breaker = Breaker(BreakerTuning(**tuning))
    for at, ok in attempts:
        breaker.note(ok=ok, now=START + at)
    return breaker


def _open_for(breaker: Breaker, at: float) -> float:
    return max(0.0, breaker.open_until - START - at)


def test_the_breaker_opens_after_failures_in_a_row_and_not_before() -> None:
    breaker = _breaker(*((number, False) for number in range(4)), consecutive=5, cool_down=5)
    assert _open_for(breaker, 3) == 0
    breaker.note(ok=False, now=START + 4)
    assert _open_for(breaker, 4) == 5
    assert _open_for(breaker, 9) == 0
    broken = _breaker(*((number, number == 3) for number in range(7)), consecutive=5)
    assert _open_for(broken, 7) == 0  # a success in between


def test_the_breaker_opens_when_too_large_a_share_fails_of_enough_calls() -> None:
    alternating = [(number / 4, number % 3 == 2) for number in range(9)]
    assert _open_for(_breaker(*alternating, share=0.5, min_calls=8), 2.5) == 0
    assert _open_for(_breaker(*alternating, (2.5, False), share=0.5, min_calls=8), 2.5) > 0
    fewer = [(number / 4, number % 3 > 0) for number in range(20)]
    assert _open_for(_breaker(*fewer, share=0.5, min_calls=8), 5) == 0


def test_of_many_calls_made_at_once_those_that_fail_first_do_not_open_it() -> None:
    burst = [*((0.0, False) for _ in range(150)), *((0.5, True) for _ in range(350))]
    assert _open_for(_breaker(*burst), 0.5) == 0
    assert _open_for(_breaker(*burst[:150], (2.5, False)), 2.5) > 0  # nothing else came


def test_a_model_that_went_down_among_many_calls_is_noticed_long_before_most_have_failed() -> None:
    well = [(number / 100, True) for number in range(3000)]
    down = [(30 + number / 100, False) for number in range(250)]
    assert _open_for(_breaker(*well, *down[:150]), 31.5) == 0
    assert _open_for(_breaker(*well, *down), 32.5) > 0


@given(st.integers(0, 10_000))
def test_a_model_of_which_a_third_fails_by_chance_stays_in_use(seed: int) -> None:
    chance = Random(seed)  # noqa: S311  # repeatable on purpose
    attempts = [(number / 20, chance.random() > 0.33) for number in range(600)]
    # Only at the very beginning is not enough known to tell bad luck from a fault.
    assert _breaker(*attempts, consecutive=5, min_calls=100).trips == 0


def test_a_half_open_breaker_opens_for_longer_with_each_failure_up_to_a_cap() -> None:
    breaker = _breaker(*((number / 2 - 2, False) for number in range(5)), cool_down=5, max_cool_down=30)
    spans, at = [_open_for(breaker, 0)], 0.0
    for _ in range(4):
        at += spans[-1]
        breaker.note(ok=False, now=START + at)
        spans.append(_open_for(breaker, at))
    assert spans == pytest.approx([5, 10, 20, 30, 30])


def test_a_success_closes_a_half_open_breaker_for_good() -> None:
    breaker = _breaker(*((number / 9, False) for number in range(20)), (8, True), (8, False), (8, False))
    assert _open_for(breaker, 8) == 0
    reopened = _breaker(
        *((number / 2 - 2, False) for number in range(5)), (6, True), *((7 + number / 2, False) for number in range(5))
    )
    assert _open_for(reopened, 9) == 5  # as at first: the cool-down begins anew


@pytest.mark.parametrize("ok", [True, False])
def test_what_comes_in_while_it_is_open_does_not_move_it(*, ok: bool) -> None:
    breaker = _breaker(*((number / 2 - 2, False) for number in range(5)), *((1, ok) for _ in range(9)), cool_down=5)
    assert _open_for(breaker, 1) == pytest.approx(4)


def test_a_breaker_goes_on_with_what_is_known_of_it() -> None:
    new = _breaker()
    new.learn(START + 20, 3)
    assert (new.state(START), new.state(START + 20), new.trips) == ("open", "half_open", 3)
    new.note(ok=False, now=START + 20)
    assert _open_for(new, 20) == 40  # it opens for longer, as if it had failed here all the time
    new.note(ok=True, now=START + 60)
    assert new.state(START + 60) == "closed"


def test_what_was_known_before_the_last_attempt_is_not_learnt() -> None:
    breaker = _breaker((10, True))
    breaker.learn(START + 5, 2)
    assert breaker.state(START + 10) == "closed"
    breaker.learn(0.0, 0)
    assert breaker.state(START + 10) == "closed"


@given(st.lists(st.tuples(st.floats(0, 200), st.booleans()), max_size=60))
def test_whatever_happens_it_opens_only_on_a_failure_and_never_for_longer_than_the_cap(
    attempts: list[tuple[float, bool]],
) -> None:
    breaker, tuning = Breaker(), BreakerTuning()
    for passed, (after, ok) in enumerate(attempts):
        now, before = START + 10 * passed + after, breaker.open_until
        breaker.note(ok=ok, now=now)
        if breaker.open_until != before:
            assert not ok
            assert tuning.cool_down <= breaker.open_until - now <= tuning.max_cool_down
        assert breaker.state(now) in ({"closed"} if not breaker.trips else {"open", "half_open"})


def test_a_circuit_learns_before_it_tells_and_says_when_it_has_moved() -> None:
    moves: list[float] = []
    known = [(0.0, 0)]
    breaker = Breaker()
    circuit = Circuit(breaker, lambda one, _now: one.learn(*known[0]), lambda: moves.append(breaker.open_until))
    assert circuit.state(START) == "closed"
    known[0] = (START + 9, 1)
    assert (circuit.state(START), circuit.open_until) == ("open", START + 9)
    circuit.note(ok=False, now=START + 9)
    circuit.note(ok=True, now=START + 30)
    circuit.note(ok=True, now=START + 31)
    assert len(moves) == 2


def test_a_clock_that_is_set_back_keeps_it_open_no_longer() -> None:
    breaker = _breaker(*((number, False) for number in range(5)), cool_down=5)
    hour = START - 3600
    assert breaker.state(START + 5) == "open"
    assert breaker.state(hour) == "half_open"
    breaker.note(ok=False, now=hour)
    assert breaker.state(hour + 5) == "half_open"
    breaker.note(ok=True, now=hour + 10)
    assert breaker.state(hour + 10) == "closed"


def test_a_clock_that_is_set_back_does_not_keep_it_closed() -> None:
    hour = -3600
    breaker = _breaker((0, True), *((hour + number, False) for number in range(8)), cool_down=5)
    assert breaker.state(START + hour + 7.5) == "open"
