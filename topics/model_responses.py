"""`model-responses`: what a model answered, or why it did not."""

from __future__ import annotations

from typing import Literal

from topics.base import Event, Failure, Topic


class Usage(Event):
    """Tokens as the provider counted them, and what they cost in US dollars by the configured prices."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        """Return the sum of both."""
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost=self.cost + other.cost,
        )


class ModelResponse(Event):
    """The answer to one model request: `text`, or `error`.

    This topic is also the record of what has been paid for: a request whose id has a response here is
    not called again. `tries` counts the attempts against the provider, `seconds` is their whole
    duration. `embedding` is base64 of little-endian float32, present when the request asked for it.
    `cached` tells that the answer was given before, and cost nothing now.
    """

    id: str
    task_id: str
    step: str
    branch: str
    model: str
    provider: str = ""
    text: str = ""
    finish_reason: str = ""
    usage: Usage = Usage()
    error: Failure | None = None
    tries: int = 1
    seconds: float = 0.0
    embedding: str | None = None
    purpose: Literal["answer", "fusion"] = "answer"
    cached: bool = False


MODEL_RESPONSES = Topic(
    name="model-responses",
    event=ModelResponse,
    type="meta_ai.model_response",
    key="task id",
    summary="Answers of models, one event for each model request.",
)
