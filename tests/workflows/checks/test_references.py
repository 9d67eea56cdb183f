from __future__ import annotations

from typing import Any

import pytest

from app.workflows.checks.references import FIELDS
from app.workflows.run import Run
from app.workflows.template_context import context
from tests.workflows.checks.findings import ASK, errors, transform, warnings
from topics.tasks import Task


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("inputs.x", "there is nothing called `inputs`; did you mean `input`?"),
        ("qqq", "there is nothing called `qqq`; there are input, metadata, steps, task"),
        ("item", "`item` exists only inside a map"),
        ("steps.anser.output", "there is no step called anser; did you mean `answer`?"),
        ("steps.answer.outptu", "`steps.answer.outptu`: a step has no `outptu`; did you mean `output`?"),
        ("steps.t.output", "a step cannot refer to itself, as `steps.t` does"),
        ("1 +", "is not a valid CEL expression"),
    ],
)
def test_that_names_must_mean_something(value: str, message: str) -> None:
    (line,) = errors({"t": transform(value), "answer": ASK})
    assert line.startswith(f"steps.t.value: {message}")


@pytest.mark.parametrize("value", ["input.anything", "metadata.team", "task.version", "steps.answer.error.code"])
def test_that_names_which_are_there_can_be_used(value: str) -> None:
    assert errors({"t": transform(value), "answer": ASK}) == []


def test_that_templates_and_values_are_looked_at_too() -> None:
    steps = {
        "a": {**ASK, "prompt": "{{ steps.bb.output }}", "system": "{{ tsk }}"},
        "b": {"kind": "connector", "connector": "c", "arguments": {"x": ["${{ item }}", "${{ metdata.y }}"]}},
    }
    assert errors(steps) == [
        "steps.a.prompt: there is no step called bb; did you mean `b`?",
        "steps.a.system: there is nothing called `tsk`; did you mean `task`?",
        "steps.b.arguments.x.0: `item` exists only inside a map",
        "steps.b.arguments.x.1: there is nothing called `metdata`; did you mean `metadata`?",
    ]


def test_that_the_place_of_a_malformed_expression_within_a_value_is_named() -> None:
    step = {"kind": "connector", "connector": "c", "arguments": {"x": ["a", {"y": "${{ 1 + }}"}]}}
    (line,) = errors({"b": step})
    assert line.startswith("steps.b.arguments.x.1.y: is not a valid CEL expression")


def test_that_items_are_there_inside_a_map() -> None:
    steps = {"m": {"kind": "map", "over": "input.l", "step": transform("item.x + index")}}
    assert errors(steps) == []
    assert errors({"m": {**steps["m"], "over": "item"}}) == ["steps.m.over: `item` exists only inside a map"]


ORDER: dict[str, Any] = {
    "properties": {"id": {"type": "string"}, "order": {"$ref": "#/$defs/order"}},
    "$defs": {"order": {"properties": {"total": {"type": "number"}}, "additionalProperties": False}},
}


def test_that_properties_which_are_not_declared_are_a_warning_and_forbidden_ones_an_error() -> None:
    assert warnings({"t": transform("input.ids")}, input=ORDER) == [
        "steps.t.value: `input.ids`: the input has no `ids`; did you mean `id`?"
    ]
    assert errors({"t": transform("input.order.totl")}, input=ORDER) == [
        "steps.t.value: `input.order.totl`: the input has no `totl`; did you mean `total`?"
    ]
    for schema in ({}, {"type": "object"}, {**ORDER, "additionalProperties": True}):
        assert warnings({"t": transform("input.other")}, input=schema) == []
    assert errors({"t": transform("input.order.total")}, input=ORDER) == []


def test_that_a_concurrency_key_sees_the_task_only() -> None:
    key = {"limit": 1, "key": "steps.a.output + item + input.x"}
    assert errors({"a": ASK}, concurrency=key) == [
        "concurrency.key: is computed before the run begins, and has no `item`; it has input, metadata, task",
        "concurrency.key: is computed before the run begins, and has no `steps`; it has input, metadata, task",
    ]
    assert errors({"a": ASK}, concurrency={"limit": 1, "key": "1 +"})[0].startswith(
        "concurrency.key: is not a valid CEL"
    )


def test_that_the_fields_are_those_that_steps_show() -> None:
    run = Run("t", Task(id="t", input={}), "", 0.0, 1.0)
    assert sorted(context(run, {})["steps"]["any"]) == sorted(FIELDS)
