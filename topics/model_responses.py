"""`model-responses`: what a model answered, or why it did not."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from topics.base import Event, Failure, Topic
from topics.model_requests import Feature, Ticket, ToolCall


class Usage(Event):
    """Tokens as the provider counted them, and what they cost in US dollars by the configured prices.

    `cached_input_tokens` are those of `input_tokens` that the provider had read before, `cache_write_tokens` those of
    them that it stored to be read again, and `reasoning_tokens` those of `output_tokens` that are not in the text.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0
    cache_write_tokens: int = 0
    cost: float = Field(default=0.0, ge=0, allow_inf_nan=False)

    def __add__(self, other: Usage) -> Usage:
        """Return the sum of both."""
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_input_tokens=self.cached_input_tokens + other.cached_input_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            cache_write_tokens=self.cache_write_tokens + other.cache_write_tokens,
            cost=self.cost + other.cost,
        )


class Alternative(Event):
    """A token that might have stood in another's place, and its natural log-probability."""

    token: str
    logprob: float


class TokenLogprob(Event):
    """A token of the answer, its natural log-probability, and the likeliest tokens in its place."""

    token: str
    logprob: float
    top: tuple[Alternative, ...] = ()


class ModelResponse(Event):
    """The answer to one model request: `text`, or `error`, or a `ticket` to poll for the answer later.

    This topic is also the record of what has been paid for: a request whose id has a response here is
    not called again. `tries` counts the attempts against the provider, `seconds` is their whole
    duration. `embedding` is base64 of little-endian float32, present when the request asked for it.
    `cached` is true for an answer out of the response cache, which cost nothing now.

    With an `error`, `text` is what was received of a streamed answer before it was cut off. `reasoning` is the model's
    reasoning, where the provider returns it. `downgraded` names the features that were asked for and left out.
    `first_token` and `longest_gap` are the seconds to the first piece of a streamed answer, and the longest between
    two pieces.

    `repaired` names what of the provider's answer was dropped or repaired in order to use the rest: `framing`,
    `characters`, `finish`, `calls`, `fields` or `repeated`. There may be others later.
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
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    logprobs: tuple[TokenLogprob, ...] | None = None
    downgraded: tuple[Feature, ...] = ()
    first_token: float | None = None
    longest_gap: float | None = None
    ticket: Ticket | None = None
    repaired: tuple[str, ...] | None = None


MODEL_RESPONSES = Topic(
    name="model-responses",
    event=ModelResponse,
    type="meta_ai.model_response",
    key="task id",
    summary="Answers of models, one event for each model request.",
)
