from __future__ import annotations

from typing import Any

import pytest

from app.workflows.definition.definitions import Definitions
from app.workflows.definition.spec import Workflow
from app.workflows.engine_context import EngineContext
from app.workflows.kinds.base import StepContext
from app.workflows.retry_policy import RETRYABLE, on_failure, on_fallback_ended
from app.workflows.run import Run, StepRun
from topics.base import Failure
from topics.model_responses import Usage
from topics.tasks import Task

NOW, DEADLINE = 100.0, 200.0
WRONG = Failure(code="timeout", message="too slow")


def _at(now: float = NOW, other: StepRun | None = None, step: StepRun | None = None, **fields: Any) -> StepContext:
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
    compiled = definition.steps["call"]
    return StepContext(
        run, {"call": failed, **there}, "call", failed, compiled, definition, EngineContext(definitions), now
    )


def test_that_an_attempt_is_left_and_what_was_paid_is_not_forgotten() -> None:
    again = on_failure(_at(retry={"attempts": 2, "backoff": 8.0}))
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
    assert on_failure(at) is at.step


def test_that_all_errors_that_may_pass_are_tried_again() -> None:
    for code in RETRYABLE:
        step = StepRun(status="failed", error=Failure(code=code, message=""))
        assert on_failure(_at(step=step, retry={"attempts": 2})).status == "backing_off"


def test_that_a_value_that_cannot_be_computed_is_the_failure() -> None:
    ended = on_failure(_at(fallback={"value": "${{ input.question }}"}))
    assert (ended.status, ended.output, ended.error) == ("succeeded", "why?", WRONG)
    assert ended.reason == "it failed, and a value stands in for it: too slow"
    ended = on_failure(_at(fallback={"value": "${{ input.nothing }}"}))
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
    falling = on_failure(_at(fallback=fallback))
    assert (falling.status, falling.wake_at) == ("falling_back", DEADLINE)
    ended = on_fallback_ended(_at(now, other, falling, fallback=fallback))
    assert (ended.status, ended.output, ended.error) == (status, output, WRONG)
