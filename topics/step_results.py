"""`step-results`: what a connector, a child run or a slot answered to a run."""

from __future__ import annotations

from pydantic import JsonValue

from topics.base import Event, Failure, Topic
from topics.model_responses import Usage


class StepResult(Event):
    """The answer to one request that was neither a model's nor a retriever's: `output`, or `error`.

    `usage` is what a child run has spent, `degraded` that it had less than was asked for. `cached` is true for an
    answer out of the response cache.
    """

    id: str
    task_id: str
    step: str = ""
    output: JsonValue = None
    error: Failure | None = None
    usage: Usage = Usage()
    seconds: float = 0.0
    cached: bool = False
    degraded: bool = False


STEP_RESULTS = Topic(
    name="step-results",
    event=StepResult,
    type="meta_ai.step_result",
    key="task id",
    summary="Answers of connectors, child runs and slots, one event for each request.",
)
