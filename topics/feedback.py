"""`feedback`: what people and programs think of answers."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field, JsonValue

from topics.base import Event, Topic


class Feedback(Event):
    """What `actor` thinks of the answer to a task: a `thumb`, a `score` from 0 to 1, or what would have been right.

    `tenant` is that of the task. Events with the same `id` are the same feedback, sent again.
    """

    id: str
    task_id: str = Field(min_length=1, max_length=200)
    at: AwareDatetime
    actor: str = ""
    tenant: str = ""
    thumb: Literal["up", "down"] | None = None
    score: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    correction: JsonValue = None
    comment: str = Field(default="", max_length=10_000)


FEEDBACK = Topic(
    name="feedback",
    event=Feedback,
    type="meta_ai.feedback",
    key="task id",
    summary="What people and programs think of answers: thumbs, scores, corrections.",
)
