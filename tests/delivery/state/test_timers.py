from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.delivery.state.timers import Timers


def test_that_due_keys_are_taken_out_once_and_in_order() -> None:
    timers = Timers()
    for key, at in (("late", 30.0), ("first", 10.0), ("second", 20.0)):
        timers.set(key, at)
    assert timers.due(9.9, 10) == []
    assert timers.due(20.0, 10) == [("first", 10.0), ("second", 20.0)]
    assert timers.due(20.0, 10) == []
    assert (timers.first, len(timers)) == (30.0, 1)


def test_that_no_more_are_taken_than_wanted() -> None:
    timers = Timers()
    for number in range(5):
        timers.set(f"{number}", float(number))
    assert timers.due(9.0, 3) == [("0", 0.0), ("1", 1.0), ("2", 2.0)]
    assert timers.due(9.0, 3) == [("3", 3.0), ("4", 4.0)]


def test_that_a_key_whose_time_changes_a_thousand_times_does_not_fill_the_memory() -> None:
    timers = Timers()
    for number in range(1000):
        timers.set("busy", float(number))
        timers.set("calm", 5000.0)
    assert len(timers._heap) < 100
    assert timers.due(999.0, 10) == [("busy", 999.0)]
    assert timers.first == 5000.0


@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 9)), max_size=200), st.integers(0, 9))
def test_that_the_last_time_of_each_key_counts(settings: list[tuple[str, int | None]], now: int) -> None:
    timers, expected = Timers(), {}
    for key, at in settings:
        timers.set(key, at)
        expected[key] = at
    left = {key: at for key, at in expected.items() if at is not None}
    assert len(timers) == len(left)
    assert timers.first == min(left.values(), default=None)
    found = timers.due(now, 10)
    assert dict(found) == {key: at for key, at in left.items() if at <= now}
    assert [at for _, at in found] == sorted(at for _, at in found)
