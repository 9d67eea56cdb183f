"""How a wire speaks: what is sent to it, and how its answers are read. Nothing here is sent or received."""

from __future__ import annotations

from typing import Any, Protocol

from app.models.base import Completion, Features, Prompt
from app.models.http.errors import ErrorTranslator
from app.models.http.stream_assembler import StreamAssembler
from topics.model_requests import Sampling


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

    def read(self, body: bytes, errors: ErrorTranslator) -> Completion:
        """Return a whole answer.

        Raises:
            ModelError: it is not what the API promises, or was withheld.
        """
        ...

    def assembly(self, errors: ErrorTranslator) -> StreamAssembler:
        """Return what takes the events of one answer."""
        ...
