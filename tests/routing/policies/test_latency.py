from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from app.routing.base import HealthSnapshot
from tests.routing.asks import MODELS, NOW, ask, chosen, policy

HEALTH = {"a": HealthSnapshot(0.5), "b": HealthSnapshot(1.0), "c": HealthSnapshot(4.0)}


def _shares(health: dict[str, HealthSnapshot], **options: float) -> Counter[str]:
    asks = [ask(count=1, key=f"k{number}", health=health) for number in range(900)]
    return Counter(chosen("latency", options, asks))


def test_of_two_drawn_by_lot_the_faster_is_asked() -> None:
    shares = _shares(HEALTH)
    # Of three, the fastest is among the two drawn in 2 of 3 cases; the slowest always meets a faster one.
    assert 530 < shares["a"] < 670
    assert shares["a"] + shares["b"] == 900


def test_errors_make_a_model_slower() -> None:
    shares = _shares({**HEALTH, "a": HealthSnapshot(0.5, errors=0.5)})  # 0.5 / 0.5² = 2: now between b and c
    assert shares["b"] > shares["a"] > shares["c"] == 0
    assert _shares({**HEALTH, "a": HealthSnapshot(0.5, errors=0.5)}, penalty=0) == _shares(HEALTH)


def test_a_model_that_always_fails_is_the_slowest_however_fast_it_fails() -> None:
    assert _shares({**HEALTH, "a": HealthSnapshot(0.01, errors=1.0)})["a"] == 0


def test_a_model_never_seen_is_tried() -> None:
    shares = _shares({"a": HealthSnapshot(0.5), "b": HealthSnapshot(1.0)})
    assert shares["c"] > 250


def test_an_open_breaker_comes_last_even_if_it_is_the_fastest() -> None:
    health = {**HEALTH, "a": HealthSnapshot(0.001, open_until=NOW + 1)}
    choices = [policy("latency").choose(ask(key=str(number), health=health)) for number in range(50)]
    assert {choice.models[-1] for choice in choices} == {"a"}
    every = {model: HealthSnapshot(open_until=NOW + 9) for model in MODELS}
    assert sorted(policy("latency").choose(ask(health=every)).models) == list(MODELS)
    closed = {**HEALTH, "a": HealthSnapshot(0.001, open_until=NOW)}
    assert _shares(closed) == _shares({**HEALTH, "a": HealthSnapshot(0.001)})


def test_the_reason_tells_what_was_measured() -> None:
    reasons = [policy("latency").choose(ask(*order, health=HEALTH)).reason for order in (("a",), ("x",))]
    assert reasons[0] == "a is the better of two picked at random (0.5 s, 0% errors)"
    assert reasons[1] == "x is the better of two picked at random (not measured yet)"


@given(
    st.permutations(MODELS),
    st.text(max_size=5),
    st.dictionaries(
        st.sampled_from(MODELS), st.builds(HealthSnapshot, st.floats(0, 100), st.floats(0, 1), st.floats(0, 2000))
    ),
)
def test_the_order_of_models_does_not_matter(models: list[str], key: str, health: dict[str, HealthSnapshot]) -> None:
    latency = policy("latency")
    assert latency.choose(ask(*models, key=key, health=health)) == latency.choose(ask(key=key, health=health))
