from __future__ import annotations

from typing import Any

import pytest

from tests.routing.asks import MODELS, ask, everyone, policy

EXAMPLES = {"a": ["why does this loop not end?"], "b": ["a toast", "a poem"]}


def _semantic(**options: Any) -> Any:
    return policy("semantic", **{"examples": EXAMPLES, "threshold": 0.5, **options})


def test_the_text_is_compared_with_the_examples_of_models_that_are_there() -> None:
    lookup = _semantic().lookup(ask("a", "c", text="hello"))
    assert lookup is not None
    assert lookup.connector == "similarity"
    assert lookup.arguments == {"text": "hello", "examples": {"a": EXAMPLES["a"]}}


@pytest.mark.parametrize("models", [("a",), ("c", "d")])
def test_nothing_is_looked_up_where_nothing_is_to_choose(models: tuple[str, ...]) -> None:
    assert _semantic().lookup(ask(*models)) is None


def test_the_nearest_is_asked() -> None:
    choice = _semantic().choose(ask(count=1, looked_up={"a": 0.6, "b": 0.9}))
    assert (choice.models, choice.reserves) == (("b",), ("a", "c"))
    assert choice.reason == "nearest to the examples of b (0.90)"


def test_all_that_are_near_enough_qualify_and_no_other() -> None:
    choice = _semantic().choose(ask(looked_up={"a": 0.5, "b": 0.49}))
    assert (choice.models, choice.reserves) == (("a",), ("b", "c"))
    assert everyone(_semantic(default="c").choose(ask(looked_up={"a": 0.5, "b": 0.49}))) == ("a", "c", "b")


def test_where_nothing_is_near_enough_the_default_is_asked() -> None:
    choice = _semantic(default="c").choose(ask(looked_up={"a": 0.3, "b": 0.4}))
    assert (choice.models, choice.reserves) == (("c",), ("b", "a"))
    assert choice.reason == "nothing is near enough (b at 0.40), so c as the default"
    assert _semantic().choose(ask(looked_up={"a": 0.3, "b": 0.4})).models == ("a",)


@pytest.mark.parametrize("looked_up", [None, "text", [1], {}, {"stranger": 1.0}, {"a": "near"}])
def test_a_lookup_that_failed_leads_to_the_default(looked_up: Any) -> None:
    choice = _semantic(default="c").choose(ask(looked_up=looked_up))
    assert choice.models == ("c",)
    assert choice.reason == "nothing could be compared, so c as the default"


def test_examples_and_default_must_be_models_of_the_step() -> None:
    assert _semantic().check(MODELS) is None
    assert _semantic().check(("a", "c")) == "examples names b, but the step's models are a, c"
    assert _semantic(default="x").check(MODELS) == "default names x, but the step's models are a, b, c"
