"""`count_tokens`: how many tokens a model would read, by its own tokenizer."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, JsonValue

from app.connectors.base import Arguments, TokenCounter, parse_arguments
from app.errors import ConnectorError, ConnectorUnavailable, ModelError
from topics.model_requests import Message


class _Conversation(Arguments):
    model: str
    messages: tuple[Message, ...] = Field(min_length=1)


class CountTokensConnector:
    """Takes the name of a `model` and `messages`, as an `ask` step has them, and returns a number.

    Only models that run in the worker have their tokenizer here.
    """

    def __init__(self, counters: Mapping[str, TokenCounter]) -> None:
        self._counters = counters

    async def run(self, arguments: Mapping[str, JsonValue], *, timeout: float) -> JsonValue:  # noqa: ARG002  # enforced by the caller
        """Return the number of tokens.

        Raises:
            ConnectorError: an argument is invalid, or the model has no tokenizer here.
            ConnectorUnavailable: the model failed.
        """
        asked = parse_arguments(arguments, _Conversation)
        counter = self._counters.get(asked.model)
        if counter is None:
            known = ", ".join(self._counters) or "none"
            raise ConnectorError(f"arguments.model: {asked.model} has no tokenizer here; those that have: {known}")
        try:
            return await counter.count_tokens(asked.messages)
        except ModelError as problem:
            raise ConnectorUnavailable(str(problem)) from problem

    async def close(self) -> None:
        """Do nothing: the models are the worker's."""
