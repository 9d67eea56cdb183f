from __future__ import annotations

from collections import Counter

from app.delivery.state.keyed_state import Change, KeyedState

NOW = 1000.0


class Calls:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def _state(refresh: float = 300.0) -> KeyedState[float]:
    """Return a state whose values are the times at which they want attention; negative ones want none, and end."""
    return KeyedState(3, lambda value: value if value >= 0 else None, lasts=lambda value: value >= 0, refresh=refresh)


def _change(state: KeyedState[float], key: str, value: float, release: Calls | None = None) -> None:
    state.put(key, value)
    state.unsettled(key)
    state.settled(key)
    state.changed(key, release or Calls())


def _write(state: KeyedState[float], now: float = NOW) -> list[Change[float]]:
    changes = state.take_dirty(now)
    for change in changes:
        state.written(change)
    return changes


def test_that_nothing_is_written_while_consequences_are_under_way() -> None:
    state, release = _state(), Calls()
    state.put("a", 1.0)
    state.unsettled("a")
    state.unsettled("a")
    state.settled("a")
    state.changed("a", release)
    assert state.take_dirty(NOW) == []
    state.settled("a")
    assert state.take_dirty(NOW) == [Change("a", 1.0, None, full=True, at=NOW, releases=[release])]


def test_that_one_busy_key_does_not_hold_up_the_others() -> None:
    state = _state()
    _change(state, "busy", 1.0)
    state.unsettled("busy")
    _change(state, "calm", 2.0)
    assert [change.key for change in state.take_dirty(NOW)] == ["calm"]


def test_that_several_changes_are_one_write_with_all_releases_and_the_last_value() -> None:
    state, first, second = _state(), Calls(), Calls()
    _change(state, "a", 1.0, first)
    _change(state, "a", 2.0, second)
    (change,) = state.take_dirty(NOW)
    assert (change.value, change.releases) == (2.0, [first, second])
    assert state.take_dirty(NOW) == []  # so nobody can call a release twice
    assert (first.count, second.count) == (0, 0)  # that is for the writer, once it is acknowledged


def test_that_a_write_says_what_the_log_holds_already() -> None:
    state = _state()
    _change(state, "a", 1.0)
    _write(state)
    _change(state, "a", 2.0)
    (change,) = state.take_dirty(NOW)
    assert (change.value, change.before, change.full) == (2.0, 1.0, False)
    _change(state, "a", 3.0)  # while that is under way
    state.written(change)
    (change,) = state.take_dirty(NOW)
    assert (change.value, change.before) == (3.0, 2.0)


def test_that_what_could_not_be_written_is_taken_again_before_later_releases() -> None:
    state, early, late = _state(), Calls(), Calls()
    _change(state, "a", 1.0, early)
    (change,) = state.take_dirty(NOW)
    _change(state, "a", 2.0, late)
    state.put_back(change)
    assert state.take_dirty(NOW) == [Change("a", 2.0, None, full=True, at=NOW, releases=[early, late])]


def test_that_due_keys_are_taken_out_once_and_in_order() -> None:
    state = _state()
    for key, at in (("late", 30.0), ("first", 10.0), ("second", 20.0), ("never", -1.0)):
        state.put(key, at)
    assert state.due(9.9, 10) == []
    assert state.due(20.0, 10) == [("first", 10.0), ("second", 20.0)]
    assert state.due(20.0, 10) == []
    assert state.due(99.0, 10) == [("late", 30.0)]


def test_that_a_timer_of_an_older_value_does_not_fire() -> None:
    state = _state()
    state.put("a", 10.0)
    state.put("a", 20.0)
    assert state.due(15.0, 10) == []
    state.put("a", 20.0)  # the same time set twice fires once
    assert state.due(25.0, 10) == [("a", 20.0)]
    state.put("a", 30.0)
    state.put("a", -1.0)
    assert state.due(99.0, 10) == []


def test_that_a_dropped_value_is_gone_with_its_timer() -> None:
    state = _state()
    state.put("a", 10.0)
    state.drop("a")
    assert (state.get("a"), len(state), list(state), state.due(99.0, 10)) == (None, 0, [], [])
    assert state.take_dirty(NOW) == []  # the log never had it


def test_that_a_value_is_not_dropped_before_its_consequences_are_sent_and_it_is_written() -> None:
    state = _state()
    state.put("a", 10.0)
    state.unsettled("a")
    assert state.due(10.0, 10) == [("a", 10.0)]
    state.drop("a")
    state.settled("a")
    state.changed("a", Calls())
    assert state.due(10.0, 10) == [("a", 10.0)]  # it came due again instead
    state.drop("a")
    (change,) = state.take_dirty(NOW)
    assert (change.key, change.value) == ("a", 10.0)
    state.drop("a")
    assert state.get("a") == 10.0  # the write is under way and may have to be tried again
    state.written(change)
    assert state.due(10.0, 10) == [("a", 10.0)]
    state.drop("a")
    assert state.get("a") is None


def test_that_a_dropped_value_is_taken_off_the_log_too() -> None:
    state = _state()
    _change(state, "a", -5.0)
    _write(state)
    state.drop("a")
    (change,) = state.take_dirty(NOW)
    assert (change.value, change.before, change.full) == (None, -5.0, False)
    state.put_back(change)
    _write(state)
    assert _write(state) == []
    _change(state, "a", 1.0)
    assert _write(state)[0].full  # begun anew, it has nothing on the log


def test_that_a_key_that_is_begun_anew_before_it_was_taken_off_the_log_is_not_taken_off() -> None:
    state = _state()
    _change(state, "a", -5.0)
    _write(state)
    state.drop("a")
    _change(state, "a", 7.0)
    (change,) = _write(state)
    assert (change.value, change.before) == (7.0, -5.0)


def test_that_what_was_restored_is_woken_once_and_what_does_not_last_is_not() -> None:
    state = _state()
    for key, value in (("a", 50.0), ("over", -1.0), ("b", 60.0)):
        state.restore(key, value, written_at=NOW)
    assert state.to_wake(1) == [("a", 50.0)]
    state.put("b", 70.0)
    assert state.to_wake(5) == [("b", 70.0)]
    assert state.to_wake(5) == []
    assert state.due(99.0, 10) == [("a", 50.0), ("b", 70.0)]


def test_that_a_restored_value_is_not_written_until_it_changes() -> None:
    state = _state()
    state.restore("a", 50.0, written_at=NOW)
    assert state.take_dirty(NOW) == []
    _change(state, "a", 60.0)
    (change,) = state.take_dirty(NOW)
    assert (change.before, change.full) == (50.0, False)


def test_that_what_lasts_is_written_again_in_full_within_each_interval_and_evenly() -> None:
    state, at = _state(refresh=300.0), NOW
    for number in range(100):
        _change(state, f"r{number}", 9e9)
        _change(state, f"d{number}", -1.0)
    _write(state, at)
    last = {f"r{number}": NOW for number in range(100)}
    most, written = 0, Counter[str]()
    while at < NOW + 3000.0:
        at += 10.0
        for number, value in ((0, 8e9), (1, 7e9)):  # partial writes in between do not count
            _change(state, f"r{number}", value + at)
        refreshed = [change for change in _write(state, at) if change.full]
        most = max(most, len(refreshed))
        for change in refreshed:
            assert at - last[change.key] <= 310.0
            last[change.key] = at
            written[change.key] += 1
        oldest = min(last.values())
        assert (state.since or 0.0) <= oldest
        assert (state.since or 0.0) > at - 620.0
    assert set(written) == set(last)  # and nothing that has ended
    assert most < 15


def test_that_nothing_must_be_read_back_when_nothing_lasts() -> None:
    state, told = _state(), []
    for value in (5.0, -1.0):
        told.append(state.since is None)
        _change(state, "a", value)
        _write(state)
    assert [*told, state.since is None] == [True, False, True]


def test_that_after_a_long_pause_the_log_is_needed_until_all_of_it_is_written_anew() -> None:
    state, later = _state(), NOW + 1e6
    for number in range(500):
        state.restore(f"{number}", 9e9, written_at=NOW + number)
    first = state.take_dirty(later)
    assert 0 < len(first) < 500  # a share of it at once
    assert (state.since or 9e9) <= NOW
    rounds = 1
    while first:
        assert all(change.full for change in first)
        for change in first:
            state.written(change)
        first = state.take_dirty(later)
        rounds += 1
    assert (state.since or 0.0) >= later - 300.0
    assert rounds < 10


def test_that_a_refresh_waits_for_the_consequences_of_a_change() -> None:
    state = _state()
    state.restore("a", 5.0, written_at=NOW)
    state.put("a", 6.0)
    state.unsettled("a")
    assert state.take_dirty(NOW + 400.0) == []
    assert state.since is not None
    assert state.since <= NOW
    state.settled("a")
    (change,) = state.take_dirty(NOW + 400.0)
    assert (change.value, change.full) == (6.0, True)
