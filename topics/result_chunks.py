"""`result-chunks`: an answer while it is being made."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from topics.base import Event, Failure, Topic


class ResultChunk(Event):
    """A piece of the answer of one step of a task, in the order in which it was made.

    A `stream` is one attempt at the answer, and its pieces have the `index` 0, 1, 2, … They follow the
    first `base` characters of the text so far of the same task and step: 0 when the answer starts over, all of it when
    it continues where another attempt was cut off. So a reader keeps the text up to `base` when a new stream
    begins, and appends; a piece whose index it has seen in that stream is a repetition. `kind` says what it is a piece
    of. The last piece of a stream has `end`, and an `error` when it was cut off: another stream may follow.
    What counts in the end is the task's result.
    """

    task_id: str
    step: str
    branch: str
    model: str
    request_id: str
    stream: str
    index: int = Field(ge=0)
    base: int = Field(default=0, ge=0)
    kind: Literal["text", "reasoning"] = "text"
    text: str = ""
    end: bool = False
    finish_reason: str = ""
    error: Failure | None = None


RESULT_CHUNKS = Topic(
    name="result-chunks",
    event=ResultChunk,
    type="meta_ai.result_chunk",
    key="task id",
    summary="Answers of steps with `stream`, piece by piece, while they are made.",
)
