"""The port to a language model, and what goes through it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from pydantic import JsonValue

from app.errors import ModelError
from topics.model_requests import Feature, Message, Sampling, Tool, ToolCall
from topics.model_responses import TokenLogprob, Usage

Features = frozenset[Feature]

#: Calls about batches of one model that are under way at once: the files that go back and forth are large.
BATCH_CALLS = 4


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked.

    `tool_choice` is `auto`, `none`, `required`, or the name of one of `tools`. `schema` is the JSON schema that the
    answer must keep to; the messages ask for it too, so that a model without means of its own leaves it alone.
    """

    messages: tuple[Message, ...]
    sampling: Sampling = field(default_factory=Sampling)
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    schema: Mapping[str, JsonValue] | None = None


@dataclass(frozen=True, slots=True)
class RateLimitHeaders:
    """What a provider's headers say is left of its rate limits; None where they are silent, times in seconds."""

    requests: int | None = None
    requests_reset: float | None = None
    tokens: int | None = None
    tokens_reset: float | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer that is being made."""

    text: str = ""
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered. `finish_reason` is one of `stop`, `length`, `tool_calls`, `other`."""

    text: str
    finish_reason: str = "stop"
    usage: Usage = field(default_factory=Usage)
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    logprobs: tuple[TokenLogprob, ...] | None = None
    allowance: RateLimitHeaders | None = None


class Model(Protocol):
    """One configured model.

    A component makes exactly one attempt: retries, deadlines and fallbacks are decided above it, by
    `app.models.calling.call`. It is not asked for what is not in its `features`: see `app.models.capabilities`. One
    that takes only so many calls at once has a `capacity`, an `app.models.capacity.Capacity`, and is not asked more.
    """

    #: The adapter's registered name, as in `openai`.
    provider: str

    @property
    def features(self) -> Features:
        """What it can do; one with `streaming` is a `StreamingModel`, one with `batch` a `BatchModel`."""
        ...

    async def complete(self, prompt: Prompt, *, timeout: float) -> Completion:
        """Return the whole answer, within `timeout` seconds.

        Raises:
            ModelError: one of its subclasses; nothing else.
        """
        ...

    async def close(self) -> None:
        """Release connections and memory; the model is not used afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class BatchResults:
    """What a batch that is over has come to: by the names of its requests, and `rest` for all that are not there."""

    answers: Mapping[str, Completion | ModelError]
    rest: ModelError

    def of(self, item: str) -> Completion | ModelError:
        """Return what came of one request."""
        return self.answers.get(item, self.rest)


class BatchModel(Model, Protocol):
    """One that takes many requests at once, and answers them in its own time: it has the feature `batch`.

    Where the provider tells whose a batch is, it is a `FindsBatches`, too.
    """

    def batched(self, prompt: Prompt) -> Mapping[str, Any]:
        """Return one request as it stands in a batch, which is as it would be sent by itself.

        Raises:
            InvalidRequest: the provider's API has no words for it.
        """
        ...

    async def submit(self, requests: Mapping[str, Mapping[str, Any]], *, timeout: float) -> str:
        """Hand in a batch of requests by name, within `timeout` seconds; return the provider's name of the batch.

        A name has at most 64 letters, digits, `-` and `_`.

        Raises:
            ModelError: one of its subclasses; nothing else.
        """
        ...

    async def collect(self, batch: str, *, timeout: float) -> BatchResults | None:
        """Return what a batch has come to, within `timeout` seconds; None while it is not over.

        Raises:
            ModelError: it cannot be told; nothing else.
        """
        ...


@runtime_checkable
class FindsBatches(Protocol):
    """A `BatchModel` that recognises a batch which the provider has taken, though its answer was lost."""

    async def find_batch(self, requests: Mapping[str, Mapping[str, Any]], *, timeout: float) -> str | None:
        """Return the provider's name of a batch of requests of these very names, None if it has none of late.

        Raises:
            ModelError: it cannot be told; nothing else.
        """
        ...


class StreamingModel(Model, Protocol):
    """One that can show its answer while it makes it."""

    def stream(self, prompt: Prompt, *, timeout: float) -> AsyncGenerator[Delta | Completion]:
        """Yield the answer in pieces as they come, and at last the whole of it, within `timeout` seconds.

        The generator ends with the completion, or raises: an answer that breaks off, or that ends without a reason
        to finish, is `Unavailable`. It may be closed at any time, and then ends the call.

        Raises:
            ModelError: one of its subclasses; nothing else.
        """
        ...
