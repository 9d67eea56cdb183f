"""`similarity`: how near a text is to the examples of each label, by the worker's embedder."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field, JsonValue

from app.connectors.base import Arguments, Embedder, parse_arguments
from app.errors import ConnectorUnavailable, RetrievalError

Vector = npt.NDArray[np.float32]
Texts = Annotated[list[str], Field(min_length=1, max_length=10_000)]


class _Compare(Arguments):
    text: str
    examples: dict[str, Texts] = Field(min_length=1)


class SimilarityConnector:
    """Takes `text` and `examples`, some texts for each label; returns each label's best cosine, from -1 to 1.

    The vectors of the `keep` most recently used examples are cached, since examples are the same from task to task.
    """

    def __init__(self, embedder: Embedder, *, keep: int = 4096) -> None:
        self._embedder = embedder
        self._keep = keep
        self._known: OrderedDict[str, Vector] = OrderedDict()
        self._learning = asyncio.Lock()

    async def run(self, arguments: Mapping[str, JsonValue], *, timeout: float) -> JsonValue:  # noqa: ARG002  # enforced by the caller
        """Return for each label the cosine of the text and the nearest of the label's examples.

        Raises:
            ConnectorError: an argument is invalid.
            ConnectorUnavailable: the embedder failed.
        """
        asked = parse_arguments(arguments, _Compare)
        try:
            vector = (await self._embedder.embed([asked.text]))[0]
            known = await self._vectors({text for texts in asked.examples.values() for text in texts})
        except RetrievalError as problem:
            raise ConnectorUnavailable(str(problem)) from problem
        return {
            label: float(max(np.dot(known[text], vector) for text in texts)) for label, texts in asked.examples.items()
        }

    async def close(self) -> None:
        """Forget the examples; the embedder is the worker's."""
        self._known.clear()

    async def _vectors(self, texts: set[str]) -> Mapping[str, Vector]:
        async with self._learning:  # of concurrent equal requests, the first embeds the examples for all
            found = {text: self._known[text] for text in texts if text in self._known}
            if missing := sorted(texts - found.keys()):
                found |= zip(missing, await self._embedder.embed(missing), strict=True)
            self._remember(texts, found)
        return found

    def _remember(self, texts: Iterable[str], found: Mapping[str, Vector]) -> None:
        for text in texts:
            self._known[text] = found[text]
            self._known.move_to_end(text)
        while len(self._known) > self._keep:
            self._known.popitem(last=False)
