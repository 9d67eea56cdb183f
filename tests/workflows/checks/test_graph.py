from __future__ import annotations

from typing import Any

import pytest

from tests.workflows.checks.findings import ASK, errors, transform, warnings


def test_that_circles_are_shown() -> None:
    steps = {"a": transform("steps.b.output"), "b": transform("steps.c.output"), "c": transform("1", after=["a"])}
    (line,) = errors(steps)
    assert "steps wait for each other in a cycle: " in line
    assert line.count("→") == 3


def test_that_a_step_after_itself_is_a_circle() -> None:
    assert errors({"a": transform("1", after=["a"])}) == [
        "steps.a: steps wait for each other in a cycle: a → a",
    ]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (
            {"a": transform("1", fallback={"step": "a"})},
            "steps.a.fallback.step: a step cannot stand in for itself",
        ),
        (
            {"a": transform("1", fallback={"step": "b"}), "b": transform("1", fallback={"step": "a"})},
            "steps.a.fallback.step: steps stand in for each other in a cycle: a → b → a",
        ),
        (
            {"a": {"kind": "decide", "branches": [{"name": "x", "steps": ["a"]}]}},
            "steps.a.branches.0.steps: a decision cannot lead to itself",
        ),
    ],
)
def test_that_no_step_leads_back_to_itself(steps: dict[str, Any], message: str) -> None:
    assert message in errors(steps)


def test_that_it_must_be_clear_which_step_answers() -> None:
    two = {"a": ASK, "b": transform("1")}
    assert errors(two, answer=None) == [": `answer` must say which step's output is the answer: a or b"]
    assert errors({"a": ASK, "b": transform("steps.a.output")}, answer=None) == []


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ({"a": transform("1", when="1 > 2")}, "steps.a.when: is always false: this step never runs"),
        (
            {"a": {"kind": "decide", "branches": [{"name": "x", "when": "true"}, {"name": "y"}]}},
            "steps.a.branches.0.when: is always true: the branches after it are never taken",
        ),
        (
            {"a": {"kind": "decide", "branches": [{"name": "x", "when": "false"}, {"name": "y"}]}},
            "steps.a.branches.0.when: is always false: this branch is never taken",
        ),
        (
            {"a": transform("steps.c.output"), "b": transform("1", fallback={"step": "c"}), "c": transform("2")},
            "steps.a: waits for c, which runs only when b fails; wait for b, which has its output",
        ),
        (
            {"c": transform("2"), "b": transform("1", fallback={"step": "c"})},
            "answer: c runs only when b fails",
        ),
    ],
)
def test_that_steps_which_never_run_are_warned_of(steps: dict[str, Any], message: str) -> None:
    assert warnings(steps) == [message]
    assert errors(steps) == []


def test_that_a_condition_which_depends_on_something_is_no_warning() -> None:
    assert warnings({"a": transform("1", when="input.x == 1"), "b": transform("1", when="true")}) == []


def test_that_what_stands_in_for_a_step_does_not_wait_for_it_by_way_of_another() -> None:
    draft = transform("1", fallback={"step": "simpler"})
    (line,) = errors(
        {"draft": draft, "note": transform("steps.draft.status"), "simpler": transform("steps.note.output")}
    )
    assert line.startswith("steps.draft.fallback.step: a step and the one that stands in for it wait for each other")
    assert all(name in line for name in ("draft", "note", "simpler"))
    fine = {"find": ASK, "draft": {**draft, "after": ["find"]}, "simpler": transform("steps.find.output")}
    assert errors({**fine, "end": transform("steps.draft.output")}) == []
