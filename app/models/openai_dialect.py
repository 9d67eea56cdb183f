"""How a wire speaks: what is sent to it, and how its answers are read. Nothing here is sent or received."""

from __future__ import annotations

from typing import Any, Protocol

from app.models.base import Completion, Delta, Features, Prompt
from app.models.http_errors import Errors
from topics.model_requests import Sampling


class Assembly(Protocol):
    """An answer that comes in events."""

    @property
    def done(self) -> bool:
        """Whether the last event has come."""
        ...

    def add(self, name: str, data: str) -> Delta | None:
        """Take one event, and return the piece of the answer that it brings.

        Raises:
            ModelError: the event tells of an error, or is not what the API promises.
        """
        ...

    def completion(self) -> Completion:
        """Return the whole answer, when no further event comes.

        Raises:
            ModelError: it is not whole, or was withheld.
        """
        ...


class Dialect(Protocol):
    """One of the ways to ask for an answer."""

    #: What the wire has no words for, whoever speaks it.
    lacking: Features
    #: Where requests go, below the base address.
    path: str

    def body(self, model: str, prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
        """Return the request for a whole answer; `sampling` is the prompt's over the configured one."""
        ...

    def streamed(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the same request, for an answer in events."""
        ...

    def read(self, body: bytes, errors: Errors) -> Completion:
        """Return a whole answer.

        Raises:
            ModelError: it is not what the API promises, or was withheld.
        """
        ...

    def assembly(self, errors: Errors) -> Assembly:
        """Return what takes the events of one answer."""
        ...
