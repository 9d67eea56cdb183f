from __future__ import annotations

from typing import Any

import pytest

from app.workflows.definition.definitions import Definition
from app.workflows.definition.spec import Workflow
from app.workflows.run import StepRun
from app.workflows.scheduling import is_ready, why_skipped

STEPS: dict[str, Any] = {
    "triage": {"kind": "decide", "branches": [{"name": "yes", "when": "true", "steps": ["call"]}, {"name": "no"}]},
    "call": {"kind": "transform", "value": "1", "fallback": {"step": "guess"}},
    "guess": {"kind": "transform", "value": "2", "after": ["find"]},
    "find": {"kind": "transform", "value": "3"},
    "end": {"kind": "transform", "value": "4", "after": ["call", "find"]},
}
DEFINITION = Definition(Workflow.model_validate({"id": "w", "steps": STEPS, "answer": "end"}))
YES, NO = StepRun(status="succeeded", output="yes"), StepRun(status="succeeded", output="no")
OVER, SKIPPED, RUNNING = StepRun(status="succeeded"), StepRun(status="skipped"), StepRun(status="running")
FALLING = StepRun(status="falling_back")


def _verdict(name: str, **steps: StepRun) -> str | None:
    """Return None when it is not time, or else why the step is skipped, if it is."""
    active = [other for other, step in steps.items() if step.active]
    return why_skipped(name, DEFINITION, steps) if is_ready(name, DEFINITION, steps, active) else None


@pytest.mark.parametrize(
    ("name", "steps", "verdict"),
    [
        ("find", {}, ""),
        ("call", {}, None),
        ("call", {"triage": RUNNING}, None),
        ("call", {"triage": YES}, ""),
        ("call", {"triage": NO}, "triage took no"),
        ("call", {"triage": SKIPPED}, "all steps that it waits for were skipped"),
        ("end", {"call": OVER}, None),
        ("end", {"call": OVER, "find": RUNNING}, None),
        ("end", {"call": SKIPPED, "find": OVER}, ""),
        ("end", {"call": SKIPPED, "find": SKIPPED}, "all steps that it waits for were skipped"),
    ],
)
def test_that_a_step_waits_for_what_it_needs(name: str, steps: dict[str, StepRun], verdict: str | None) -> None:
    assert _verdict(name, **steps) == verdict


@pytest.mark.parametrize(
    ("steps", "verdict"),
    [
        ({"find": OVER}, None),
        ({"find": OVER, "call": RUNNING}, None),
        ({"find": RUNNING, "call": FALLING}, None),
        ({"find": OVER, "call": FALLING}, ""),
        ({"call": OVER}, "it was not needed: call did not fail"),
        ({"call": SKIPPED}, "it was not needed: call did not fail"),
    ],
)
def test_that_a_step_that_stands_in_waits_for_a_failure_and_is_skipped_without(
    steps: dict[str, StepRun], verdict: str | None
) -> None:
    assert _verdict("guess", **steps) == verdict


@pytest.mark.parametrize(("map_step", "ready"), [(RUNNING, True), (OVER, False), (None, False)])
def test_that_an_item_can_begin_as_long_as_its_map_runs(map_step: StepRun | None, *, ready: bool) -> None:
    steps = {"find": map_step} if map_step else {}
    assert is_ready("find[3]", DEFINITION, steps, ()) == ready
    assert not why_skipped("find[3]", DEFINITION, steps)
