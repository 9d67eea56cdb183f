"""The port of an API dialect: how requests are built and responses parsed, without I/O."""

from __future__ import annotations

from typing import Any, Protocol

from app.models.answers.assembler import AnswerAssembler
from app.models.base import Features, Prompt
from app.models.http.errors import ErrorTranslator
from topics.model_requests import Sampling


class Dialect(Protocol):
    """One of the APIs to request an answer."""

    #: Features that the API cannot express, whatever the provider.
    lacking: Features
    #: The path of requests, below the base address.
    path: str

    def body(self, model: str, prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
        """Return the request for a complete answer; `sampling` is the prompt's over the configured one."""
        ...

    def streamed(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the same request for a stream."""
        ...

    def assembler(self, errors: ErrorTranslator) -> AnswerAssembler:
        """Return the assembler of one answer, whole or streamed."""
        ...
