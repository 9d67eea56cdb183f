from __future__ import annotations

from app.delivery.state import PartitionState


class Calls:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def _state() -> PartitionState[float]:
    """Return a state whose values are the times at which they want attention; none when negative."""
    return PartitionState(3, lambda value: value if value >= 0 else None)


def _change(state: PartitionState[float], key: str, value: float, release: Calls | None = None) -> None:
    state.put(key, value)
    state.unsettled(key)
    state.settled(key)
    state.changed(key, release or Calls())


def test_that_nothing_is_written_while_consequences_are_under_way() -> None:
    state, release = _state(), Calls()
    state.put("a", 1.0)
    state.unsettled("a")
    state.unsettled("a")
    state.settled("a")
    state.changed("a", release)
    assert state.take_dirty() == []
    state.settled("a")
    assert state.take_dirty() == [("a", 1.0, [release])]


def test_that_one_busy_key_does_not_hold_up_the_others() -> None:
    state = _state()
    _change(state, "busy", 1.0)
    state.unsettled("busy")
    _change(state, "calm", 2.0)
    assert [key for key, _, _ in state.take_dirty()] == ["calm"]


def test_that_several_changes_are_one_write_with_all_releases_and_the_last_value() -> None:
    state, first, second = _state(), Calls(), Calls()
    _change(state, "a", 1.0, first)
    _change(state, "a", 2.0, second)
    assert state.take_dirty() == [("a", 2.0, [first, second])]
    assert state.take_dirty() == []  # so nobody can call a release twice
    assert (first.count, second.count) == (0, 0)  # that is for the writer, once it is acknowledged


def test_that_what_could_not_be_written_is_taken_again_before_later_releases() -> None:
    state, early, late = _state(), Calls(), Calls()
    _change(state, "a", 1.0, early)
    ((key, _, releases),) = state.take_dirty()
    _change(state, "a", 2.0, late)
    state.put_back(key, releases)
    assert state.take_dirty() == [("a", 2.0, [early, late])]


def test_that_due_keys_are_taken_out_once_and_in_order() -> None:
    state = _state()
    for key, at in (("late", 30.0), ("first", 10.0), ("second", 20.0), ("never", -1.0)):
        state.put(key, at)
    assert state.due(9.9) == []
    assert state.due(20.0) == [("first", 10.0), ("second", 20.0)]
    assert state.due(20.0) == []
    assert state.due(99.0) == [("late", 30.0)]


def test_that_a_timer_of_an_older_value_does_not_fire() -> None:
    state = _state()
    state.put("a", 10.0)
    state.put("a", 20.0)
    assert state.due(15.0) == []
    state.put("a", 20.0)  # the same time set twice fires once
    assert state.due(25.0) == [("a", 20.0)]


def test_that_a_dropped_value_is_gone_with_its_timer() -> None:
    state = _state()
    state.put("a", 10.0)
    state.drop("a")
    assert (state.get("a"), len(state), list(state), state.due(99.0)) == (None, 0, [], [])


def test_that_a_value_is_not_dropped_before_its_consequences_are_sent_and_it_is_written() -> None:
    state = _state()
    state.put("a", 10.0)
    state.unsettled("a")
    assert state.due(10.0) == [("a", 10.0)]
    state.drop("a")
    state.settled("a")
    state.changed("a", Calls())
    assert state.due(10.0) == [("a", 10.0)]  # it came due again instead
    state.drop("a")
    ((key, value, _),) = state.take_dirty()
    assert (key, value) == ("a", 10.0)
    state.drop("a")
    assert state.get("a") == 10.0  # the write is under way and may have to be tried again
    state.written("a")
    assert state.due(10.0) == [("a", 10.0)]
    state.drop("a")
    assert state.get("a") is None
