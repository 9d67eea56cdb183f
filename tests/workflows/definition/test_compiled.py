from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from app.errors import ConfigurationError
from app.fusion.strategies.vote import Vote
from app.routing.policies.healthy import Healthy
from app.routing.policies.latency import Latency
from app.workflows.definition.compiled import CompiledStep
from app.workflows.definition.steps import AnyStep

STEPS: TypeAdapter[AnyStep] = TypeAdapter(AnyStep)


def part(**step: Any) -> CompiledStep:
    return CompiledStep(STEPS.validate_python(step), where="workflow w: steps.s")


def ask(**fields: Any) -> CompiledStep:
    return part(kind="ask", models=["a", "b"], prompt="{{ input.q }}", **fields)


def test_that_each_text_is_made_ready_under_its_key() -> None:
    asking = ask(system="s", when="true", fallback={"value": "x"}, routing={"policy": "fixed", "key": "task.id"})
    assert asking.templates.keys() == {"prompt", "system"}
    assert asking.expressions.keys() == {"when", "routing.0.key"}
    assert asking.values.keys() == {"fallback.value"}


@pytest.mark.parametrize(
    ("step", "key"),
    [
        ({"kind": "retrieve", "query": "{{ input.q }}"}, "query"),
        ({"kind": "transform", "value": "1"}, "value"),
        ({"kind": "wait", "until": "input.at"}, "until"),
        ({"kind": "connector", "connector": "c", "arguments": {"a": "${{ input.a }}"}}, "arguments"),
        ({"kind": "workflow", "workflow": "w", "input": {"a": "${{ input.a }}"}}, "input"),
        ({"kind": "decide", "branches": [{"name": "x", "when": "input.a"}, {"name": "y"}]}, "branches.0.when"),
        ({"kind": "map", "over": "[1]", "step": {"kind": "transform", "value": "item"}}, "over"),
    ],
)
def test_that_every_kind_has_its_own(step: dict[str, Any], key: str) -> None:
    made = part(**step)
    assert [*made.templates, *made.expressions, *made.values] == [key]


def test_that_the_policies_are_in_their_order_with_what_they_choose() -> None:
    stages = ask(routing=[{"policy": "healthy"}, {"policy": "latency", "choose": 1, "penalty": 3}]).stages
    assert [choose for _, choose in stages] == [None, 1]
    assert [policy.name for policy, _ in stages] == [Healthy.name, Latency.name]


def test_that_the_strategy_has_its_options() -> None:
    assert isinstance(ask(fusion={"strategy": "vote", "extract": "number"}).strategy, Vote)
    with pytest.raises(ConfigurationError, match="there is no option extrakt"):
        ask(fusion={"strategy": "vote", "extrakt": "number"})


def test_that_a_schema_is_made_ready() -> None:
    schema = ask(schema={"type": "object", "required": ["kind"]}).schema
    assert schema
    assert "kind" in (schema.complaint({}) or "")
    assert ask().schema is None


def test_that_it_refers_to_the_steps_that_any_of_its_texts_name() -> None:
    step = {"kind": "ask", "models": ["a"], "prompt": "{{ steps.a.output }}", "system": "{{ steps.b.output }}"}
    made = part(
        kind="map", over="steps.c.output", when="steps.d.output", fallback={"value": "${{ steps.e.output }}"}, step=step
    )
    assert made.steps == {"a", "b", "c", "d", "e"}


def test_that_only_a_map_has_a_step_inside() -> None:
    assert ask().inner is None
    inner = part(kind="map", over="[1]", step={"kind": "retrieve", "query": "{{ item }}"}).inner
    assert inner
    assert inner.templates.keys() == {"query"}


@pytest.mark.parametrize(
    ("step", "where"),
    [
        ({"kind": "retrieve", "query": "{{"}, r"workflow w: steps\.s\.query"),
        ({"kind": "transform", "value": "1 +"}, r"workflow w: steps\.s\.value"),
        (
            {"kind": "connector", "connector": "c", "arguments": {"a": "${{ 1 + }}"}},
            r"workflow w: steps\.s\.arguments\.a",
        ),
        ({"kind": "map", "over": "[1]", "step": {"kind": "retrieve", "query": "{{"}}, r"steps\.s\.step\.query"),
        ({"kind": "ask", "models": ["a"], "prompt": "", "schema": {"type": "no"}}, r"workflow w: steps\.s\.schema"),
    ],
)
def test_that_what_is_malformed_is_said_with_its_place(step: dict[str, Any], where: str) -> None:
    with pytest.raises(ConfigurationError, match=where):
        part(**step)
