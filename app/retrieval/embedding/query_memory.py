"""An embedder that remembers queries: to search for the same ones again and again, in other ways."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.retrieval.base import Embedder, Vectors


class QueryMemory:
    """Embeds each text once; what it was given stays in memory."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: dict[str, Vectors] = {}
        self.name, self.dimensions = embedder.name, embedder.dimensions

    def understands(self, text: str) -> bool:
        """Return what the embedder says."""
        understands = getattr(self._embedder, "understands", None)
        return bool(understands(text)) if understands else True

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row for each text."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known |= zip(new, await self._embedder.embed(new), strict=True)
        return np.stack([self._known[text] for text in texts])

    async def close(self) -> None:
        """Close the embedder."""
        await self._embedder.close()
