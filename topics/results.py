"""`results`: one outcome for each task."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field, JsonValue

from topics.base import Event, Failure, Topic
from topics.model_requests import Feature, ToolCall
from topics.model_responses import TokenLogprob, Usage


class Citation(Event):
    """A chunk that the answer was given: `number` is how the answer refers to it, as in [1]."""

    number: int
    document_id: str
    source: str
    heading: str = ""
    lines: tuple[int, int]


class Candidate(Event):
    """What one model answered to this task, chosen or not.

    With an `error`, `text` is what stands of an answer that was cut off. `reasoning` is what the model thought before,
    `tool_calls` what it wants called, and `downgraded` what was left out because it cannot do it. `repaired` names what
    was repaired in the provider's answer. `finish_reason` is why the model stopped (`stop`, `length`, `tool_calls` or
    `other`), and `logprobs` are there if they were asked for.
    """

    branch: str
    model: str
    text: str = ""
    chosen: bool = False
    usage: Usage = Usage()
    seconds: float = 0.0
    error: Failure | None = None
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] | None = None
    downgraded: tuple[Feature, ...] | None = None
    repaired: tuple[str, ...] | None = None
    finish_reason: str | None = None
    logprobs: tuple[TokenLogprob, ...] | None = None


class StepReport(Event):
    """What a step took: `seconds` from `started_at` to its end, waiting on topics included.

    A step that never began has no `started_at`. `reason` says why it went as it did: which models were chosen
    and why, which branch, why it was skipped.
    """

    step: str
    kind: str
    status: Literal["succeeded", "failed", "skipped"]
    seconds: float
    started_at: AwareDatetime | None = None
    usage: Usage = Usage()
    attempts: int = 1
    reason: str = ""
    error: Failure | None = None


class Result(Event):
    """The outcome of one task: `answer`, or `error` when `status` is `failed`.

    `degraded` is true when an optional step failed, or when the answer rests on fewer candidates than
    were asked. `agreement` is how far the candidates agree, `confidence` how sure the fusion is of the answer
    (both 0 to 1); `groups` are the branches by their answers, the largest group first: more than one group
    is disagreement. `tool_calls` is what the answer wants called: its text may then be empty. `tenant` is that of
    the task, if it has one. `warnings` say what was ignored or changed in the task, such as a misspelt key.
    """

    task_id: str
    workflow: str
    workflow_version: int = 1
    status: Literal["succeeded", "failed", "cancelled"]
    answer: JsonValue = None
    tool_calls: tuple[ToolCall, ...] | None = None
    citations: tuple[Citation, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    fusion: str = ""
    agreement: float | None = None
    confidence: float | None = None
    groups: tuple[tuple[str, ...], ...] = ()
    reason: str = ""
    degraded: bool = False
    error: Failure | None = None
    usage: Usage = Usage()
    steps: tuple[StepReport, ...] = ()
    accepted_at: AwareDatetime
    finished_at: AwareDatetime
    metadata: dict[str, str] = Field(default_factory=dict)
    tenant: str | None = None
    warnings: tuple[str, ...] | None = None


RESULTS = Topic(
    name="results",
    event=Result,
    type="meta_ai.result",
    key="task id",
    summary="One outcome for each task; the last value of a key is the outcome.",
)
