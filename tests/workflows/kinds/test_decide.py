from __future__ import annotations

from tests.workflows.kinds.run_helpers import begun, outcome, transform

DECIDE = {
    "kind": "decide",
    "branches": [
        {"name": "why", "when": "input.question == 'why?'", "steps": ["one"]},
        {"name": "how", "when": "input.question == 'how?'", "steps": ["two"]},
        {"name": "else", "steps": ["three"]},
    ],
}
STEPS = {
    "way": DECIDE,
    "one": transform("1"),
    "two": transform("2"),
    "three": transform("3"),
    "end": transform("[steps.one.output, steps.two.output, steps.three.output]"),
}


def test_that_only_the_steps_of_the_branch_run_and_the_reason_is_told() -> None:
    expected = {
        "why?": ([1, None, None], "why, because input.question == 'why?'"),
        "how?": ([None, 2, None], "how, because input.question == 'how?'"),
        "?": ([None, None, 3], "else, since no other condition holds"),
    }
    for question, (answer, reason) in expected.items():
        result = outcome(begun(STEPS, answer="end", task={"input": {"question": question}}))
        assert result.answer == answer
        assert result.steps[0].reason == reason


def test_that_without_a_branch_that_holds_all_of_their_steps_are_skipped() -> None:
    steps = {
        "way": {**DECIDE, "branches": DECIDE["branches"][:1]},
        "one": transform("1"),
        "end": transform("steps.way.output"),
    }
    result = outcome(begun(steps, answer="end", task={"input": {"question": "?"}}))
    assert result.answer is None
    assert [step.reason for step in result.steps if step.step == "one"] == ["way took None"]


def test_that_a_step_of_two_branches_runs_for_either() -> None:
    branches = [{"name": "a", "when": "input.question == 'why?'", "steps": ["one"]}, {"name": "b", "steps": ["one"]}]
    for question in ("why?", "how?"):
        steps = {"way": {"kind": "decide", "branches": branches}, "one": transform("1")}
        assert outcome(begun(steps, task={"input": {"question": question}})).answer == 1
