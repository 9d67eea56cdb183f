from __future__ import annotations

from typing import Any

import pytest

from app.workflows.definitions import Definitions
from app.workflows.failing import PASSING, failing, relieved
from app.workflows.kinds.base import Moment
from app.workflows.run import Run, StepRun
from app.workflows.spec import Workflow
from app.workflows.world import World
from topics.base import Failure
from topics.model_responses import Usage
from topics.tasks import Task

NOW, DEADLINE = 100.0, 200.0
WRONG = Failure(code="timeout", message="too slow")


def _at(now: float = NOW, other: StepRun | None = None, step: StepRun | None = None, **fields: Any) -> Moment:
    steps = {
        "call": {"kind": "transform", "value": "1", **fields},
        "other": {"kind": "transform", "value": "2"},
    }
    definitions = Definitions([Workflow.model_validate({"id": "w", "steps": steps, "answer": "call"})])
    definition = definitions.latest("w")
    run = Run("t", Task(id="t", workflow="w", input={"question": "why?"}), "d", 1.0, DEADLINE, version=1)
    failed = step or StepRun(
        status="failed", started_at=9.0, outstanding=frozenset({"x"}), spent=Usage(input_tokens=3), error=WRONG
    )
    there = {"other": other} if other else {}
    part = definition.parts["call"]
    return Moment(run, {"call": failed, **there}, "call", failed, part, definition, World(definitions), now)


def test_that_an_attempt_is_left_and_what_was_paid_is_not_forgotten() -> None:
    again = failing(_at(retry={"attempts": 2, "backoff": 8.0}))
    assert (again.status, again.attempt, again.started_at, again.error) == ("backing_off", 2, 9.0, WRONG)
    assert NOW <= again.wake_at <= NOW + 8.0
    assert (set(again.outstanding), set(again.unawaited), again.spent.input_tokens) == (set(), {"x"}, 3)


@pytest.mark.parametrize(
    ("now", "retry"),
    [(DEADLINE, {"attempts": 2}), (NOW, {"attempts": 1}), (NOW, {"attempts": 2, "on": ["retrieval"]})],
    ids=["no time", "no attempt", "another error"],
)
def test_that_a_step_without_anything_else_has_failed(now: float, retry: dict[str, Any]) -> None:
    at = _at(now, retry=retry)
    assert failing(at) is at.step


def test_that_all_errors_that_may_pass_are_tried_again() -> None:
    for code in PASSING:
        step = StepRun(status="failed", error=Failure(code=code, message=""))
        assert failing(_at(step=step, retry={"attempts": 2})).status == "backing_off"


def test_that_a_value_that_cannot_be_computed_is_the_failure() -> None:
    ended = failing(_at(fallback={"value": "${{ input.question }}"}))
    assert (ended.status, ended.output, ended.error) == ("succeeded", "why?", WRONG)
    assert ended.reason == "a value stands in for it, as it failed: too slow"
    ended = failing(_at(fallback={"value": "${{ input.nothing }}"}))
    assert ended.error
    assert (ended.status, ended.error.code) == ("failed", "expression")


@pytest.mark.parametrize(
    ("now", "other", "status", "output"),
    [
        (NOW, None, "falling_back", None),
        (NOW, StepRun(status="running"), "falling_back", None),
        (NOW, StepRun(status="succeeded", output=2), "succeeded", 2),
        (NOW, StepRun(status="failed"), "failed", None),
        (NOW, StepRun(status="skipped"), "failed", None),
        (DEADLINE, StepRun(status="running"), "failed", None),
    ],
)
def test_that_a_step_ends_as_what_stands_in_for_it(
    now: float, other: StepRun | None, status: str, output: int | None
) -> None:
    fallback = {"step": "other"}
    falling = failing(_at(fallback=fallback))
    assert (falling.status, falling.wake_at) == ("falling_back", DEADLINE)
    ended = relieved(_at(now, other, falling, fallback=fallback))
    assert (ended.status, ended.output, ended.error) == (status, output, WRONG)
