"""An embedder without a model: hashed words, for tests and small installations."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import Self

import numpy as np

from app.retrieval.base import Vectors
from app.retrieval.tokenizer import tokenize, unmarked
from app.settings import RetrievalSettings

#: Changes with the tokenizer: vectors of other features are not comparable.
_VERSION = 2


class HashingEmbedder:
    """Feature hashing of single words and pairs of words.

    Texts are similar when they share words, with or without accents; meaning is ignored. The sign of each feature
    comes from its hash too, so that collisions cancel on average (Weinberger et al., "Feature Hashing for Large Scale
    Multitask Learning", 2009).
    """

    #: A batch would save less than the time of one text.
    batch_size = 1
    #: Vectors on the topic `chunks` that do not name their embedder may be those of an older version.
    trusts_unnamed = False

    def __init__(self, *, dimensions: int = 256) -> None:
        self.dimensions = dimensions
        self.name = f"hashing-{dimensions}-{_VERSION}"

    @classmethod
    def from_settings(cls, _settings: RetrievalSettings) -> Self:
        """Return the embedder; it has no options."""
        return cls()

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row for each text, of length 1."""
        return await asyncio.to_thread(self._embed, tuple(texts))

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def _embed(self, texts: Sequence[str]) -> Vectors:
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            self._fill(row, text)
        return rows

    def _fill(self, row: Vectors, text: str) -> None:
        for feature, count in Counter(_features(text)).items():
            place, sign = self._place(feature)
            row[place] += sign * count
        length = float(np.linalg.norm(row))
        if length:
            row /= length
        else:  # no words, or all of them cancelled
            row[self._place(text)[0]] = 1.0

    def _place(self, feature: str) -> tuple[int, int]:
        digest = int.from_bytes(blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
        return (digest >> 1) % self.dimensions, 1 if digest & 1 else -1


def _features(text: str) -> Iterator[str]:
    words = tokenize(text)
    yield from words
    yield from (plain for word in words if (plain := unmarked(word)) != word)
    yield from (f"{first} {second}" for first, second in pairwise(words))
