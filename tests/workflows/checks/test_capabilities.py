from __future__ import annotations

from typing import Any, get_args

import pytest

from app.workflows.checks import Names, check
from app.workflows.checks.base import Features
from app.workflows.checks.capabilities import _SAMPLING, _WITHOUT
from tests.workflows.checks.findings import workflow
from topics.model_requests import Feature

KNOWN: Features = {
    "able": frozenset({"images", "logprobs", "schema", "seed", "streaming", "tools"}),
    "plain": frozenset(),
}
TOOL = {"tools": [{"name": "search"}]}


def _found(*models: str, **settings: Any) -> list[tuple[str, bool]]:
    """Return what is message of a step's models, and whether it is a warning."""
    step = {"kind": "ask", "models": list(models), "prompt": "p", **settings}
    found = check(workflow({"s": step}), Names(features=KNOWN))
    return [(one.text, one.warning) for one in found if one.key[:3] == ("steps", "s", "models")]


@pytest.mark.parametrize(
    ("settings", "feature"),
    [
        (TOOL, "tools"),
        ({"batch": True}, "batch"),
        ({"images": ["https://host.example/a.png"]}, "images"),
        ({"sampling": {"reasoning_effort": "low"}}, "reasoning_effort"),
        ({"sampling": {"logprobs": 0}}, "logprobs"),
        ({"sampling": {"stop": ["x"]}}, "stop"),
        ({"sampling": {"max_tokens": 5}}, "max_tokens"),
        ({"sampling": {"temperature": 0}}, "temperature"),
        ({"sampling": {"top_p": 1}}, "top_p"),
        ({"sampling": {"seed": 0}}, "seed"),
    ],
)
def test_that_what_the_only_model_refuses_is_an_error(settings: dict[str, Any], feature: Feature) -> None:
    hint = f"ask another model, or allow it to be left out with `downgrade: [{feature}]`"
    assert _found("plain", **settings) == [(f"plain has no {feature}: it refuses this step; {hint}", False)]
    assert _found("plain", **settings, downgrade=[feature]) == []


@pytest.mark.parametrize(
    ("settings", "feature"),
    [
        ({"schema": {"type": "object"}}, "schema"),
        ({"stream": True}, "streaming"),
        ({"images": "${{ input.photo }}"}, "images"),
    ],
)
def test_that_what_a_model_does_without_is_a_warning(settings: dict[str, Any], feature: Feature) -> None:
    hint = f"ask another model, or allow it to be left out with `downgrade: [{feature}]`"
    assert _found("plain", **settings) == [(f"plain has no {feature}: it {_WITHOUT[feature]}; {hint}", True)]
    assert _found("plain", **settings, downgrade=[feature]) == []
    assert _found("able", **settings) == []


def test_that_every_feature_is_asked_for_in_one_way() -> None:
    assert set(_SAMPLING) | set(_WITHOUT) | {"batch", "tools"} == set(get_args(Feature))


def test_that_a_model_that_can_or_that_nobody_knows_is_ignored() -> None:
    assert _found("able", "stranger", **TOOL, sampling={"seed": 1}) == []


def test_that_all_that_a_model_lacks_is_one_line() -> None:
    ((message, _),) = _found("plain", **TOOL, sampling={"seed": 1})
    assert message.startswith("plain has no seed, tools: ")
    assert message.endswith("`downgrade: [seed, tools]`")


@pytest.mark.parametrize(
    ("models", "settings", "warning"),
    [
        (("plain", "able"), {}, True),
        (("plain", "stranger"), {}, True),
        (("plain", "able"), {"fusion": {"quorum": 2}}, False),  # both are asked, and only one can answer
        (("plain", "able"), {"fusion": {"quorum": 2}, "samples": 2}, True),
        # How many are asked there, and so must answer, is for the run to say.
        (("plain", "able"), {"fusion": {"quorum": 2}, "routing": {"choose": 1}}, True),
    ],
)
def test_that_it_is_an_error_where_too_few_are_left(
    models: tuple[str, ...], settings: dict[str, Any], *, warning: bool
) -> None:
    ((_, found),) = _found(*models, sampling={"seed": 1}, **settings)
    assert found is warning


def test_that_a_step_inside_a_map_is_looked_at_too() -> None:
    inner = {"kind": "ask", "models": ["plain"], "prompt": "p", **TOOL}
    spec = workflow({"s": {"kind": "map", "over": "[1]", "step": inner}})
    (found,) = check(spec, Names(features=KNOWN))
    assert found.key == ("steps", "s", "step", "models", 0)
