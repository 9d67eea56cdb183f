"""The port to a language model, and what goes through it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from topics.model_requests import Message, Sampling
from topics.model_responses import Usage


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked."""

    messages: tuple[Message, ...]
    sampling: Sampling = field(default_factory=Sampling)


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered. `finish_reason` is one of `stop`, `length`, `tool_calls`, `other`."""

    text: str
    finish_reason: str = "stop"
    usage: Usage = field(default_factory=Usage)


class Model(Protocol):
    """One configured model.

    A component makes exactly one attempt: retries, deadlines and fallbacks are decided above it, by
    `app.models.calling`.
    """

    #: The adapter's registered name, as in `openai`.
    provider: str

    async def complete(self, prompt: Prompt, *, timeout: float) -> Completion:
        """Return the whole answer, within `timeout` seconds.

        Raises:
            ModelError: one of its subclasses; nothing else.
        """
        ...

    async def close(self) -> None:
        """Release connections and memory; the model is not used afterwards."""
        ...
