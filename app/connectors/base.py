"""The port of a connector, and what all connectors share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from app.errors import ConfigurationError, ConnectorError
from app.settings import ConnectorSettings
from app.source.problems import dotted, unknown_key
from app.validation_messages import in_our_words
from topics.model_requests import Message

M = TypeVar("M", bound=BaseModel)


class Connector(Protocol):
    """One configured connector.

    A component makes exactly one attempt: a step's retries, fallbacks and deadlines are decided above it.
    """

    async def run(self, arguments: Mapping[str, JsonValue], *, timeout: float) -> JsonValue:
        """Make the request in `arguments`, within `timeout` seconds, and return its result.

        Raises:
            ConnectorError: a subclass if a retry may succeed; nothing else.
        """
        ...

    async def close(self) -> None:
        """Release connections and threads; the connector is not used afterwards."""
        ...


class Embedder(Protocol):
    """The part of the worker's embedder that is used here."""

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return one row of length 1 for each text."""
        ...


class TokenCounter(Protocol):
    """The part of a model that is used here: one whose tokenizer is in this process."""

    async def count_tokens(self, messages: Sequence[Message]) -> int:
        """Return how many tokens the model would read for these messages.

        Raises:
            ModelError: it cannot count them now.
        """
        ...


class Arguments(BaseModel):
    """The base of a connector's arguments: frozen, and an unknown name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def parse_arguments(arguments: Mapping[str, JsonValue], form: type[M]) -> M:
    """Parse a step's arguments.

    Raises:
        ConnectorError: they are invalid; the message names the argument, and does not quote its value.
    """
    try:
        return form.model_validate(arguments)
    except ValidationError as problem:
        raise ConnectorError(f"arguments.{_first(problem, form)}") from None


def parse_options(name: str, settings: ConnectorSettings, form: type[M]) -> M:
    """Parse `settings.options`.

    Raises:
        ConfigurationError: a key is unknown or a value is invalid.
    """
    try:
        return form.model_validate(settings.options)
    except ValidationError as problem:
        raise ConfigurationError(f"connectors.{name}.options.{_first(problem, form)}") from None


def _first(problem: ValidationError, form: type[BaseModel]) -> str:
    """Return the first thing that is wrong, with the key that was meant, or all there are."""
    first = problem.errors(include_url=False, include_context=False, include_input=False)[0]
    keys = [field.alias or name for name, field in form.model_fields.items()]
    if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
        return unknown_key(str(first["loc"][0]), keys)
    return f"{dotted(first['loc'])}: {in_our_words(first['type'], first['msg'])}; known keys: {', '.join(keys)}"
