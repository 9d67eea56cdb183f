from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.routing.base import HealthSnapshot
from app.routing.health import HealthBoard, HealthTuning, Measure
from tests.routing.asks import near
from topics.model_health import ModelHealth

START = 1_800_000_000.0
CALLS = st.lists(st.tuples(st.floats(0, 100), st.floats(0, 50), st.booleans()), max_size=40)


def _measure(*calls: tuple[float, float, bool], **tuning: Any) -> Measure:
    """Return a measure that has seen calls: (when they ended, how long they took, whether they succeeded)."""
    measure = Measure(HealthTuning(**tuning))
    for at, seconds, ok in calls:
        measure.observe(seconds, ok, START + at)
    return measure


def _seen(measure: Measure, at: float) -> ModelHealth:
    return measure.snapshot("m", "w", START + at)


def _said(worker: str, at: float, seconds: float = 1.0, errors: float = 0.0, open_for: float = 0.0) -> ModelHealth:
    until = datetime.fromtimestamp(START + at + open_for, UTC) if open_for else None
    when = datetime.fromtimestamp(START + at, UTC)
    return ModelHealth(model="m", worker=worker, at=when, calls=1, seconds=seconds, errors=errors, open_until=until)


def _board(*reports: ModelHealth) -> HealthBoard:
    board = HealthBoard()
    for event in reports:
        board.apply(event)
    return board


def test_a_snapshot_says_whose_it_is() -> None:
    seen = _seen(_measure((0, 0.5, True), (1, 0.5, False)), 2)
    assert (seen.model, seen.worker, seen.calls) == ("m", "w", 2)
    assert seen.errors == pytest.approx(0.504, abs=0.001)
    assert seen.at == datetime.fromtimestamp(START + 2, UTC)
    assert _seen(Measure(), 0).calls == 0


def test_the_duration_jumps_up_and_comes_down_with_time() -> None:
    measure = _measure((0, 1.0, True), (1, 10.0, True), decay=30)
    assert _seen(measure, 1).seconds == 10.0
    measure.observe(1.0, ok=True, now=START + 31)
    assert _seen(measure, 31).seconds == pytest.approx(1 + 9 * math.exp(-1))
    measure.observe(1.0, ok=True, now=START + 1000)
    assert _seen(measure, 1000).seconds == pytest.approx(1.0)


def test_a_failure_that_comes_soon_does_not_make_a_model_fast_but_a_late_one_makes_it_slow() -> None:
    measure = _measure((0, 2.0, True), (50, 0.001, False))
    assert _seen(measure, 50).seconds == 2.0
    measure.observe(60.0, ok=False, now=START + 51)
    assert _seen(measure, 51).seconds == 60.0


def test_errors_are_forgotten_as_calls_succeed() -> None:
    measure = _measure(*((0, 1.0, False) for _ in range(4)), window=60)
    assert _seen(measure, 0).errors == 1.0
    measure.observe(1.0, ok=True, now=START + 60)
    assert _seen(measure, 60).errors == pytest.approx(4 / math.e / (4 / math.e + 1))


@given(CALLS)
def test_whatever_is_observed_averages_stay_in_their_bounds(calls: list[tuple[float, float, bool]]) -> None:
    measure = _measure(*calls)  # also with a clock that goes back
    seen = _seen(measure, 200)
    assert 0 <= seen.errors <= 1
    assert 0 <= seen.seconds <= max((seconds for _, seconds, _ in calls), default=0)
    assert seen.calls == len(calls)


def test_what_workers_say_is_merged_and_the_recent_counts_more() -> None:
    board = _board(_said("w1", 0, seconds=1.0, errors=0.1), _said("w2", 0, seconds=3.0, errors=0.3))
    assert board.health(START)["m"] == HealthSnapshot(near(2.0), near(0.2))
    aged = _board(_said("w1", 0, seconds=1.0), _said("w2", 60, seconds=3.0)).health(START + 60)["m"]
    assert aged.seconds == pytest.approx((math.exp(-1) + 3) / (math.exp(-1) + 1))


def test_what_is_old_fades_and_is_forgotten() -> None:
    board = _board(_said("w1", 0, seconds=2.0, errors=0.5))
    assert board.health(START + 60)["m"] == HealthSnapshot(near(2 / math.e), near(0.5 / math.e))
    assert board.health(START + 600).keys() == {"m"}
    assert not board.health(START + 601)


def test_what_is_older_than_what_the_worker_said_is_ignored() -> None:
    board = _board(_said("w1", 5, seconds=2.0), _said("w1", 4, seconds=9.0))
    assert board.health(START + 5)["m"].seconds == pytest.approx(2.0)


def test_a_breaker_is_open_when_it_is_for_half_of_what_is_known() -> None:
    opened, closed = _said("w1", 0, open_for=9), [_said("w2", 0), _said("w3", 0)]
    assert _board(opened).health(START)["m"].open_until == START + 9
    assert _board(opened, closed[0]).health(START)["m"].open_until == START + 9
    assert _board(opened, *closed).health(START)["m"].open_until == 0
    others = [_said("w2", 0, open_for=3), _said("w3", 0, open_for=5)]
    assert _board(opened, *others).health(START)["m"].open_until == START + 5


def test_the_picture_is_made_again_only_when_something_was_said_or_time_has_passed() -> None:
    board = _board(_said("w1", 0))
    picture = board.health(START)
    assert board.health(START + 0.9) is picture
    assert board.health(START + 1.1) is not picture
    before = board.health(START + 1.1)
    board.apply(_said("w2", 1, seconds=5.0))
    assert board.health(START + 1.1) is not before
    assert before["m"].seconds == pytest.approx(math.exp(-1.1 / 60))  # what was given away does not change
    with pytest.raises(TypeError):
        before["m"] = HealthSnapshot()  # type: ignore[index]


@given(st.permutations([_said("w1", 0, 1.0), _said("w2", 1, 2.0, 0.5), _said("w3", 2, 3.0, open_for=4)]))
def test_the_order_in_which_workers_are_heard_does_not_matter(reports: list[ModelHealth]) -> None:
    merged = _board(*reports).health(START + 3)["m"]
    expected = _board(*sorted(reports, key=lambda event: event.worker)).health(START + 3)["m"]
    assert merged.seconds == pytest.approx(expected.seconds)
    assert merged.errors == pytest.approx(expected.errors)
    assert merged.open_until == expected.open_until


def test_what_a_worker_measured_reaches_the_board_through_the_topic() -> None:
    measure = _measure(*((0, 2.0, False) for _ in range(5)))
    for number in range(5):
        measure.breaker.note(ok=False, now=START - 2 + number / 2)
    written = _seen(measure, 0).to_json()
    board = _board(ModelHealth.model_validate_json(written))
    assert board.health(START)["m"] == HealthSnapshot(2.0, 1.0, START + 5)
    assert board.opened("m", START) == (START + 5, 1)
    assert board.opened("other", START) == (0.0, 0)


def test_the_workers_that_call_a_model_lately_are_counted() -> None:
    board = _board(_said("w1", 0), _said("w2", 20), _said("w3", 25))
    assert board.callers("m", START + 26) == 3
    assert board.callers("m", START + 40) == 2
    assert board.callers("m", START + 100) == board.callers("other", START) == 1
