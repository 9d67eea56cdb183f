"""`embed`: the worker's embedder as a connector."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from app.connectors.base import Arguments, Embedder, parse_arguments
from app.errors import ConnectorUnavailable, RetrievalError
from app.vectors import encode


class _Text(Arguments):
    text: str


class EmbedConnector:
    """Takes `text`, and returns its embedding as encoded by `app.vectors.encode`."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    async def run(self, arguments: Mapping[str, JsonValue], *, timeout: float) -> JsonValue:  # noqa: ARG002  # enforced by the caller
        """Return the vector of `text` as base64 of little-endian float32.

        Raises:
            ConnectorError: an argument is invalid.
            ConnectorUnavailable: the embedder failed.
        """
        asked = parse_arguments(arguments, _Text)
        try:
            vectors = await self._embedder.embed([asked.text])
        except RetrievalError as problem:
            raise ConnectorUnavailable(str(problem)) from problem
        return encode(vectors[0])

    async def close(self) -> None:
        """Do nothing: the embedder is the worker's."""
