"""The model port: prompts in, completions out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
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
    """The input of a model call.

    `tool_choice` is `auto`, `none`, `required`, or the name of one of `tools`. `schema` is the JSON schema that the
    answer must match; the messages ask for it too, so a model without native support ignores it; with `tell_schema`,
    they do so only for such a model.
    """

    messages: tuple[Message, ...]
    sampling: Sampling = field(default_factory=Sampling)
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    schema: Mapping[str, JsonValue] | None = None
    tell_schema: bool = False


@dataclass(frozen=True, slots=True)
class RateLimitHeaders:
    """What is left of a provider's rate limits, from its headers; None where they do not say, times in seconds."""

    requests: int | None = None
    requests_reset: float | None = None
    tokens: int | None = None
    tokens_reset: float | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """A fragment of a streamed answer; `usage`, in some, is what the provider has counted up to here."""

    text: str = ""
    reasoning: str = ""
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer of a model. `finish_reason` is one of `stop`, `length`, `tool_calls`, `other`.

    `repaired` names what of the provider's answer was dropped or repaired, in order to use the rest: see
    `topics.model_responses.ModelResponse`.
    """

    text: str
    finish_reason: str = "stop"
    usage: Usage = field(default_factory=Usage)
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    logprobs: tuple[TokenLogprob, ...] | None = None
    allowance: RateLimitHeaders | None = None
    repaired: tuple[str, ...] = ()


class Model(Protocol):
    """One configured model.

    A component makes exactly one attempt: retries, deadlines and fallbacks are decided above it, by
    `app.models.calling.call`. It is never asked for what is not in its `features`: see `app.models.capabilities`. A
    model that takes only so many calls at once has a `capacity`, an `app.models.capacity.Capacity`, and never gets
    more.
    """

    #: The adapter's registered name, as in `openai`.
    provider: str

    @property
    def features(self) -> Features:
        """Its capabilities; one with `streaming` is a `StreamingModel`, one with `batch` a `BatchModel`."""
        ...

    async def complete(self, prompt: Prompt, *, timeout: float) -> Completion:
        """Return the complete answer, within `timeout` seconds.

        Raises:
            ModelError: one of its subclasses; nothing else.
        """
        ...

    async def close(self) -> None:
        """Release connections and memory; the model is not used afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class BatchResults:
    """The results of a finished batch by request name; `rest` is the error for requests without one."""

    answers: Mapping[str, Completion | ModelError]
    rest: ModelError

    def of(self, item: str) -> Completion | ModelError:
        """Return the result of one request."""
        return self.answers.get(item, self.rest)


class BatchModel(Model, Protocol):
    """A model with a batch API: it has the feature `batch`.

    Where the provider tells whose a batch is, it is a `FindsBatches`, too.
    """

    def batched(self, prompt: Prompt) -> Mapping[str, Any]:
        """Return the body of one request for a batch, the same as if it were sent by itself.

        Raises:
            InvalidRequest: the provider's API cannot express it.
        """
        ...

    async def submit(self, requests: Mapping[str, Mapping[str, Any]], *, timeout: float) -> str:
        """Submit a batch of requests by name, within `timeout` seconds; return the provider's name of the batch.

        A name has at most 64 letters, digits, `-` and `_`.

        Raises:
            ModelError: one of its subclasses; nothing else.
        """
        ...

    async def collect(self, batch: str, *, timeout: float) -> BatchResults | None:
        """Return the results of a batch within `timeout` seconds; None while it is still running.

        Raises:
            ModelError: the state of the batch is unknown; nothing else.
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


@runtime_checkable
class CountsTokens(Protocol):
    """A `Model` that has its tokenizer here."""

    async def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return how many tokens it would read for these messages.

        Raises:
            ModelError: one of its subclasses.
        """
        ...


class StreamingModel(Model, Protocol):
    """A model that can stream its answer."""

    def stream(self, prompt: Prompt, *, timeout: float) -> AsyncGenerator[Delta | Completion]:
        """Yield the deltas of the answer as they arrive, and last the completion, within `timeout` seconds.

        The generator ends with the completion, or raises: an answer that is cut off, or that ends without a finish
        reason, is `Unavailable`. It may be closed at any time, which ends the call.

        Raises:
            ModelError: one of its subclasses; nothing else.
        """
        ...
