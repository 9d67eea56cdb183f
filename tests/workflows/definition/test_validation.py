from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from app.source.problems import Key
from app.source.syntax import parse
from app.workflows.definition.spec import Workflow
from app.workflows.definition.validation import explain, shown

ASK = "kind: ask, models: [a], prompt: x"
KINDS = "retrieve, ask, decide, map, connector, transform, workflow, wait"
NAMING = "a name is written as in `triage_2`: a small letter first, then small letters, digits and _"
UNKNOWN = "unknown key; did you mean"
NO_STEP = "there is no step called sya; did you mean `say`?"
POSITIVE = "should be greater than or equal to 1"


def _said(steps: str, rest: str = "") -> list[str]:
    document = parse(f"id: w\nsteps: {{{steps}}}\n{rest}", "f")
    with pytest.raises(ValidationError) as caught:
        Workflow.model_validate(document.value)
    return [str(problem) for problem in explain(caught.value, document)]


@pytest.mark.parametrize(
    ("steps", "lines"),
    [
        ("s: {kind: aks}", ["f:2: steps.s.kind: there is no kind aks; did you mean `ask`?"]),
        (
            "s: {kind: zzz}",
            [f"f:2: steps.s.kind: there is no kind zzz; there are {KINDS}"],
        ),
        ("s: {value: x}", ["f:2: steps.s.kind: is required: it says what the step does"]),
        ("s: {kind: ask, models: [a]}", ["f:2: steps.s: give a prompt, or messages"]),
        (f"s: {{{ASK}, tmeout: 3}}", ["f:2: steps.s.tmeout: unknown key; did you mean `timeout`?"]),
        (f"s: {{{ASK}, retry: {{atempts: 3}}}}", [f"f:2: steps.s.retry.atempts: {UNKNOWN} `attempts`?"]),
        (
            f"s: {{{ASK}, routing: {{choose: 0}}}}",
            [f"f:2: steps.s.routing.choose: {POSITIVE}"],
        ),
        (
            f"s: {{{ASK}, routing: [{{choose: 0}}]}}",
            [f"f:2: steps.s.routing.0.choose: {POSITIVE}"],
        ),
        (
            f"s: {{kind: map, over: '[1]', step: {{{ASK}, promt: y}}}}",
            ["f:2: steps.s.step.promt: unknown key; did you mean `prompt`?"],
        ),
        ("s: {kind: wait, fro: 3}", ["f:2: steps.s.fro: unknown key; did you mean `for`?"]),
        (
            "s: {kind: decide, branches: [{name: a, whn: x}]}",
            ["f:2: steps.s.branches.0.whn: unknown key; did you mean `when`?"],
        ),
        ("s: 3", ["f:2: steps.s: "]),
        (
            f"s: {{{ASK}, sampling: {{temprature: 1}}}}",
            ["f:2: steps.s.sampling: there is no temprature; did you mean `temperature`?"],
        ),
        (
            "Bad-Name: {kind: transform, value: '1'}",
            [f"f:2: steps.Bad-Name: {NAMING}"],
        ),
        (f"say: {{{ASK}, after: [sya]}}", [f"f:2: steps.say.after: {NO_STEP}"]),
        (
            f"say: {{{ASK}, fallback: {{step: sya}}}}",
            [f"f:2: steps.say.fallback: {NO_STEP}"],
        ),
        (
            "d: {kind: decide, branches: [{name: a, steps: [x]}]}",
            ["f:2: steps.d.branches: there is no step called x; there is d"],
        ),
    ],
)
def test_that_faults_are_said_in_the_files_own_keys(steps: str, lines: list[str]) -> None:
    found = _said(steps)
    assert len(found) == len(lines)
    assert all(line.startswith(expected) for line, expected in zip(found, lines, strict=True))


def test_that_an_answer_must_be_a_step() -> None:
    assert _said(f"say: {{{ASK}}}", "answer: sya") == [
        "f:3: answer: there is no step called sya; did you mean `say`?",
    ]


def test_that_a_list_is_not_called_too_short_for_what_is_wrong_in_it() -> None:
    assert _said("s: {kind: ask, models: [1], prompt: x}") == [
        "f:2: steps.s.models.0: must be a string; put quotes around it"
    ]
    (line,) = _said("s: {kind: ask, models: [], prompt: x}")
    assert line.startswith("f:2: steps.s.models: ")


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        (("steps", "a", "ask", "prompt"), {"steps": {"a": {"kind": "ask"}}}, ("steps", "a", "prompt")),
        (("steps", "a", "ask", "routing", 0, "x"), {"steps": {"a": {"routing": {}}}}, ("steps", "a", "routing", "x")),
        (("steps", "a", "routing", 0), {"steps": {"a": {"routing": {}}}}, ("steps", "a", "routing")),
        (("steps", "a", "b", 1), {"steps": {"a": {"b": [1, 2]}}}, ("steps", "a", "b", 1)),
    ],
)
def test_that_keys_are_as_the_file_has_them(key: Key, value: Any, expected: Key) -> None:
    assert shown(key, value) == expected
