from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.routing.choosing import first, rendezvous_score, unknown
from tests.routing.asks import ask

KEYS = st.text(st.characters(), max_size=20)


@given(KEYS, KEYS)
def test_a_lot_is_the_same_for_the_same_and_lies_between_0_and_1(key: str, model: str) -> None:
    assert 0 < rendezvous_score(key, model) < 1
    assert rendezvous_score(key, model) == rendezvous_score(key, model)


def test_lots_are_spread_evenly_and_tell_key_from_model() -> None:
    drawn = [rendezvous_score(str(number), "m") for number in range(2000)]
    tenths = [sum(part / 10 <= one < (part + 1) / 10 for one in drawn) for part in range(10)]
    assert all(130 < count < 270 for count in tenths)  # five standard deviations around 200
    assert rendezvous_score("ab", "c") != rendezvous_score("a", "bc")


def test_what_is_not_wanted_is_in_reserve() -> None:
    choice = first(ask(count=1), ("c", "a"), "because")
    assert (choice.models, choice.reserves, choice.reason) == (("c",), ("a",), "because")


def test_strangers_are_named_once_and_in_order() -> None:
    assert unknown("stages", ["z", "y", "z", "a"], ("a",)) == "stages names y, z, but the step's models are a"
    assert unknown("stages", ["a"], ("a", "b")) is None
