from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from app.delivery.fair_queue import FairQueue


def _held(shares: FairQueue[str], lane: str, number: int) -> int:
    """Offer so many items of a kind; return how many were given a slot."""
    return sum(shares.offer(lane, f"{lane}{n}") for n in range(number))


def test_alone_a_kind_may_hold_all() -> None:
    shares: FairQueue[str] = FairQueue(10, shared=False)
    assert _held(shares, "", 11) == 10
    assert shares.full
    assert shares.release("") == ["10"]
    assert (shares.full, shares.parked) == (False, 0)


def test_a_kind_that_is_slow_leaves_some_to_the_others() -> None:
    shares: FairQueue[str] = FairQueue(90, room=1000)
    assert _held(shares, "slow", 200) == 80
    assert _held(shares, "quick", 5) == 5
    assert not shares.full


def test_the_more_kinds_are_slow_the_less_each_holds() -> None:
    shares: FairQueue[str] = FairQueue(1700, room=10_000)
    _held(shares, "a", 2000)
    _held(shares, "b", 2000)
    for _ in range(1000):  # as they end, what is freed goes to the kind that has less
        shares.release("a" if shares._held["a"] > 800 else "b")
    assert (shares._held["a"], shares._held["b"]) == (800, 800)


def test_there_is_room_for_so_many_and_one() -> None:
    shares: FairQueue[str] = FairQueue(1, room=2)
    _held(shares, "a", 3)
    assert not shares.full
    shares.offer("a", "last")
    assert shares.full


def test_what_waits_is_served_by_priority_and_then_by_arrival() -> None:
    shares: FairQueue[str] = FairQueue(1, room=10)
    shares.offer("a", "running", 0)
    for item, priority in (("low", -1), ("first", 0), ("second", 0), ("high", 5)):
        assert not shares.offer("a", item, priority)
    assert [shares.release("a") for _ in range(4)] == [["high"], ["first"], ["second"], ["low"]]


def test_a_high_priority_takes_nothing_from_another_kind() -> None:
    shares: FairQueue[str] = FairQueue(9, room=100)
    for number in range(20):
        shares.offer("urgent", f"u{number}", 1000)
    assert shares.offer("other", "o", -1000)


OFFERS = st.lists(st.tuples(st.booleans(), st.sampled_from("abc"), st.integers(-1, 1)), max_size=200)


@given(slots=st.integers(1, 12), shared=st.booleans(), moves=OFFERS)
def test_whatever_comes_nothing_is_lost_and_a_priority_keeps_its_order(
    slots: int, *, shared: bool, moves: list[tuple[bool, str, int]]
) -> None:
    shares: FairQueue[tuple[str, int, int]] = FairQueue(slots, room=1000, shared=shared)
    offered, running, started = Counter[tuple[str, int]](), Counter[str](), list[tuple[str, int, int]]()

    def begin(items: list[tuple[str, int, int]]) -> None:
        started.extend(items)
        running.update(lane for lane, *_ in items)

    for comes, lane, priority in moves:
        if comes:
            item = (lane, priority, offered[lane, priority])
            offered[lane, priority] += 1
            begin([item] if shares.offer(lane, item, priority) else [])
        elif running[lane]:
            running[lane] -= 1
            begin(shares.release(lane))
        assert running.total() <= slots
        assert len(started) + shares.parked == offered.total()
    while running.total():
        lane = next(iter(+running))
        running[lane] -= 1
        begin(shares.release(lane))
    assert shares.parked == 0
    for group in offered:
        assert [number for *one, number in started if tuple(one) == group] == list(range(offered[group]))
