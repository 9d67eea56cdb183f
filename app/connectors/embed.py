"""`embed`: the worker's embedder as a connector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field, JsonValue

from app.connectors.base import Arguments, Embedder, parse_arguments
from app.errors import ConnectorUnavailable, RetrievalError
from app.vectors import encode


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class _Text(Arguments):
    text: Annotated[list[str], BeforeValidator(_listed)] = Field(min_length=1)


class EmbedConnector:
    """Takes `text`, one or a list, and returns its embedding, or a list, each as encoded by `app.vectors.encode`."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    async def run(self, arguments: Mapping[str, JsonValue], *, timeout: float) -> JsonValue:  # noqa: ARG002  # enforced by the caller
        """Return the vector of each text as base64 of little-endian float32.

        Raises:
            ConnectorError: an argument is invalid.
            ConnectorUnavailable: the embedder failed.
        """
        asked = parse_arguments(arguments, _Text)
        try:
            vectors = await self._embedder.embed(asked.text)
        except RetrievalError as problem:
            raise ConnectorUnavailable(str(problem)) from problem
        encoded = [encode(vector) for vector in vectors]
        return encoded[0] if isinstance(arguments["text"], str) else encoded  # type: ignore[return-value]  # texts are JSON

    async def close(self) -> None:
        """Do nothing: the embedder is the worker's."""
