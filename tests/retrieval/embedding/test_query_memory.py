from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.retrieval.base import Vectors
from app.retrieval.embedding.hashing import HashingEmbedder
from app.retrieval.embedding.query_memory import QueryMemory


class Counting(HashingEmbedder):
    """Notes what it embeds, and understands one language only."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def understands(self, text: str) -> bool:
        return text.isascii()

    async def embed(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        return await super().embed(texts)


async def test_a_text_is_embedded_once_and_is_the_same() -> None:
    embedder = Counting()
    memory = QueryMemory(embedder)
    first = await memory.embed(["a b", "c", "a b"])
    again = await memory.embed(["c", "d"])
    assert embedder.asked == ["a b", "c", "d"]
    assert np.array_equal(first[0], first[2])
    assert np.array_equal(again[0], first[1])


def test_it_understands_what_its_embedder_does() -> None:
    assert [QueryMemory(Counting()).understands(text) for text in ("a", "ä")] == [True, False]
    assert QueryMemory(HashingEmbedder()).understands("ä")
