from __future__ import annotations

from typing import Any

import pytest

from tests.workflows.checks.findings import ASK, errors, transform

INPUT = {
    "type": "object",
    "properties": {"text": {"type": "string"}, "n": {"type": "integer"}, "x": {"type": "number"}},
}
MISMATCH = "the types do not fit together; convert with int(x), double(x) or string(x)"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("input.n + 1.5", f"`input.n + 1.5`: {MISMATCH}"),
        ("input.x + 1", f"`input.x + 1`: {MISMATCH}"),
        ("steps.a.output + 1", f"`steps.a.output + 1`: {MISMATCH}"),
        ("task.version + 'x'", f"`task.version + 'x'`: {MISMATCH}"),
        ("steps.a.output.label", "`steps.a.output` is a text and has no `label`"),
    ],
)
def test_that_types_must_fit(value: str, message: str) -> None:
    assert message in errors({"t": transform(value), "a": ASK}, input=INPUT)[0]


@pytest.mark.parametrize(
    "value",
    [
        "input.n + 1",
        "double(input.n) + 1.5",
        "input.text.split(',')[4]",  # it may have so many parts
        "int(input.text)",
        "timestamp(input.text)",
        "1 / (input.n - 1)",
        "input.other + 1",
        "steps.c.output.anything + 1",
        "steps.a.error.code + 1",
        "metadata.team + '!'",
    ],
)
def test_that_what_may_fit_is_let_through(value: str) -> None:
    steps = {"t": transform(value), "a": ASK, "c": {"kind": "connector", "connector": "c"}}
    assert errors(steps, input=INPUT) == []


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (transform("1", when="input.n"), "steps.s.when: must yield true or false, not a number"),
        ({**ASK, "when": "steps.a.output"}, "steps.s.when: must yield true or false, not a text"),
        (
            {"kind": "decide", "branches": [{"name": "x", "when": "input.text"}]},
            "steps.s.branches.0.when: must yield true or false, not a text",
        ),
        ({"kind": "map", "over": "input.text", "step": ASK}, "steps.s.over: must yield a list, not a text"),
        ({"kind": "wait", "until": "input.n"}, "steps.s.until: must yield a timestamp, not a number"),
        (
            {"kind": "map", "over": "[1, 2]", "step": transform("item + 'x'")},
            f"steps.s.step.value: `item + 'x'`: {MISMATCH}",
        ),
        ({**ASK, "prompt": "{{ input.text.length }}"}, "steps.s.prompt: `input.text` is a text and has no `length`"),
    ],
)
def test_that_expressions_yield_what_is_wanted(step: dict[str, Any], message: str) -> None:
    assert errors({"s": step, "a": ASK}, input=INPUT) == [message]


def test_that_a_time_or_its_text_can_be_waited_for() -> None:
    for until in ("timestamp('2026-01-01T00:00:00Z')", "input.text"):
        assert errors({"s": {"kind": "wait", "until": until}}, input=INPUT) == []
