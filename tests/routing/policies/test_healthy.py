from __future__ import annotations

from app.routing.base import HealthSnapshot
from tests.routing.asks import MODELS, NOW, ask, everyone, policy

DOWN = HealthSnapshot(open_until=NOW + 0.5)


def test_models_with_an_open_breaker_are_left_out() -> None:
    choice = policy("healthy").choose(ask(health={"a": DOWN, "b": HealthSnapshot(open_until=NOW)}))
    assert everyone(choice) == ("b", "c")
    assert choice.reason == "not healthy: a"


def test_all_are_kept_when_none_is_left_and_the_reason_says_so() -> None:
    choice = policy("healthy").choose(ask(health=dict.fromkeys(MODELS, DOWN)))
    assert choice.models == MODELS
    assert choice.reason == "none is healthy, so all are kept: a, b, c"


def test_what_is_not_known_is_healthy() -> None:
    choice = policy("healthy").choose(ask(count=1))
    assert (choice.models, choice.reserves, choice.reason) == (("a",), ("b", "c"), "all are healthy")
