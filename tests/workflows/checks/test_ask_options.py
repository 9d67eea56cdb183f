from __future__ import annotations

from typing import Any

import pytest

from tests.workflows.checks.findings import ASK, errors, transform

TOOL: dict[str, Any] = {"name": "search", "parameters": {"type": "object"}}
SEVERAL = {"models": ["a", "b"]}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"images": ["ftp://x"]}, "steps.s.images.0: is neither https://…, nor "),
        ({"images": "x.png"}, "steps.s.images: is neither https://…, nor "),
        ({"images": ["https://x"] * 17}, "steps.s.images: has 17 images; a prompt may have 16"),
        ({"images": "${{ input. }}"}, "steps.s.images: "),
        ({"tools": [TOOL, TOOL]}, "steps.s.tools.1.name: two tools are called search"),
        ({"tools": [{**TOOL, "parameters": {"type": "x"}}]}, "steps.s.tools.0.parameters: is not a JSON Schema: "),
        (
            {"tools": [TOOL], "tool_choice": "serch"},
            "steps.s.tool_choice: there is no tool called serch; did you mean `search`?",
        ),
        ({"tool_choice": "required"}, "steps.s.tool_choice: there are no `tools` to choose from"),
        ({"tools": [TOOL], "fusion": {"strategy": "vote"}}, "steps.s.fusion: compares texts"),
        ({"stream": True, "batch": True}, "steps.s.batch: a step with `stream` shows its answer while it is made"),
        ({"stream": True, "samples": 2}, "steps.s.samples: a step with `stream` makes one answer"),
        ({**SEVERAL, "stream": True, "fusion": {"strategy": "vote"}}, "steps.s.fusion: a step with `stream` shows one"),
        ({**SEVERAL, "stream": True, "fusion": {"quorum": 2}}, "steps.s.fusion.quorum: a step with `stream` makes one"),
        (
            {**SEVERAL, "stream": True, "routing": [{"policy": "healthy"}, {"choose": 2}]},
            "steps.s.routing.1.choose: a step with `stream` asks one model at a time",
        ),
        (
            {**SEVERAL, "stream": True, "routing": {"policy": "cascade", "check": "answer != ''"}},
            "steps.s.routing.0: cascade may ask more models after an answer",
        ),
    ],
)
def test_that_what_cannot_be_asked_for_is_named(settings: dict[str, Any], message: str) -> None:
    (line,) = errors({"s": {**ASK, **settings}})
    assert line.startswith(message)
    (inner,) = errors({"s": {"kind": "map", "over": "[1]", "step": {**ASK, **settings}}})
    assert inner.startswith(message.replace("steps.s", "steps.s.step", 1))


@pytest.mark.parametrize(
    "settings",
    [
        {"images": "${{ input.photos }}"},
        {"images": ["https://x/a.png", "data:image/jpeg;base64,AA", "${{ input.photo }}"]},
        {"tools": [TOOL], "tool_choice": "search", "samples": 2, **SEVERAL},
        {"stream": True, **SEVERAL},
        {"stream": True, "routing": [{"policy": "healthy"}, {"policy": "latency", "choose": 1}], **SEVERAL},
        {"stream": True, "schema": {"type": "object"}, "tools": [TOOL]},
        {"downgrade": ["images", "seed"]},
        {"batch": True, "downgrade": ["batch"], "samples": 3, "fusion": {"strategy": "vote"}},
    ],
)
def test_that_what_can_be_asked_for_is_right(settings: dict[str, Any]) -> None:
    assert errors({"s": {**ASK, **settings}}) == []


def test_that_a_policy_that_there_is_not_is_said_once() -> None:
    (line,) = errors({"s": {**ASK, "stream": True, "routing": {"policy": "fixd"}}})
    assert line.startswith("steps.s.routing.0: no routing policy is called fixd")


def test_that_later_steps_can_name_what_an_answer_wants_called() -> None:
    steps = {"s": {**ASK, "tools": [TOOL]}, "n": transform("steps.s.tool_calls[0].arguments.q")}
    assert errors({**steps, "m": {"kind": "map", "over": "steps.s.tool_calls", "step": transform("item.name")}}) == []
    assert errors({"s": ASK, "n": transform("steps.s.tool_call")}) == [
        "steps.n.value: `steps.s.tool_call`: a step has no `tool_call`; did you mean `tool_calls`?"
    ]
