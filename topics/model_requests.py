"""`model-requests`: one call to one model."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from topics.base import Event, Topic


class Message(Event):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class Sampling(Event):
    """How the model generates; what is absent is left to the provider's default."""

    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    seed: int | None = None
    stop: tuple[str, ...] = ()


class ModelRequest(Event):
    """Call the configured model `model`; the answer carries the same `id`.

    `id` is a function of task, step, branch and attempt, so that a repeated request is recognised and
    not paid twice. With `embed`, the answer's text is embedded too (a fusion that compares answers by
    meaning needs it). `purpose` tells a candidate answer from a call that a fusion makes. Where calls wait
    for a model, those of higher `priority` come first. An equal answer that is at most `cache_for` seconds
    old may be given again. A request is not begun after `expires_at`.
    """

    id: str
    task_id: str
    step: str
    branch: str
    attempt: int = Field(default=1, ge=1)
    model: str
    messages: tuple[Message, ...] = Field(min_length=1)
    sampling: Sampling = Sampling()
    purpose: Literal["answer", "fusion"] = "answer"
    embed: bool = False
    priority: int = 0
    cache_for: float | None = None
    expires_at: AwareDatetime | None = None


MODEL_REQUESTS = Topic(
    name="model-requests",
    event=ModelRequest,
    type="meta_ai.model_request",
    key="task id",
    summary="Calls to models, answered on model-responses.",
)
