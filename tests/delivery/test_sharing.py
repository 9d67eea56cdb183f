from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from app.delivery.sharing import Shares


def _held(shares: Shares[str], kind: str, number: int) -> int:
    """Offer so many items of a kind; return how many were given a slot."""
    return sum(shares.offer(kind, f"{kind}{n}") for n in range(number))


def test_alone_a_kind_may_hold_all() -> None:
    shares: Shares[str] = Shares(10, shared=False)
    assert _held(shares, "", 11) == 10
    assert shares.full
    assert shares.release("") == ["10"]
    assert (shares.full, shares.parked) == (False, 0)


def test_a_kind_that_is_slow_leaves_some_to_the_others() -> None:
    shares: Shares[str] = Shares(90, room=1000)
    assert _held(shares, "slow", 200) == 80
    assert _held(shares, "quick", 5) == 5
    assert not shares.full


def test_the_more_kinds_are_slow_the_less_each_holds() -> None:
    shares: Shares[str] = Shares(1700, room=10_000)
    _held(shares, "a", 2000)
    _held(shares, "b", 2000)
    for _ in range(1000):  # as they end, what is freed goes to the kind that has less
        shares.release("a" if shares._held["a"] > 800 else "b")
    assert (shares._held["a"], shares._held["b"]) == (800, 800)


def test_there_is_room_for_so_many_and_one() -> None:
    shares: Shares[str] = Shares(1, room=2)
    _held(shares, "a", 3)
    assert not shares.full
    shares.offer("a", "last")
    assert shares.full


OFFERS = st.lists(st.tuples(st.booleans(), st.sampled_from("abc")), max_size=200)


@given(slots=st.integers(1, 12), shared=st.booleans(), moves=OFFERS)
def test_whatever_comes_nothing_is_lost_and_kinds_keep_their_order(
    slots: int, *, shared: bool, moves: list[tuple[bool, str]]
) -> None:
    shares: Shares[tuple[str, int]] = Shares(slots, room=1000, shared=shared)
    offered, running, started = Counter[str](), Counter[str](), list[tuple[str, int]]()

    def begin(items: list[tuple[str, int]]) -> None:
        started.extend(items)
        running.update(kind for kind, _ in items)

    for comes, kind in moves:
        if comes:
            item = (kind, offered[kind])
            offered[kind] += 1
            begin([item] if shares.offer(kind, item) else [])
        elif running[kind]:
            running[kind] -= 1
            begin(shares.release(kind))
        assert running.total() <= slots
        assert len(started) + shares.parked == offered.total()
    while running.total():
        kind = next(iter(+running))
        running[kind] -= 1
        begin(shares.release(kind))
    assert shares.parked == 0
    for kind in "abc":
        assert [number for one, number in started if one == kind] == list(range(offered[kind]))
