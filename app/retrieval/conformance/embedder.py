"""What every embedder promises, as checks for any of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import numpy as np

from app.conformance import Check, CheckFailed, require, run_checks
from app.errors import RetrievalError
from app.retrieval.base import Embedder

_TEXTS = ["", "one word", "Ünïcode 設定 🙂", "word " * 2000, "\n\t ", "\ud800", "one word"]
_DIFFERENT = ["the broker stores events", "apples grow on trees"]
#: Cosines: above the one, texts are the same; above the other, they are too similar to tell texts apart.
_SAME, _TOO_SIMILAR = 0.9999, 0.95


async def probe_embedder(make: Callable[[], Embedder]) -> AsyncIterator[Check]:
    """Yield one check after the other of an embedder that `make` returns, then close it; it embeds about 40 texts."""
    async for check in run_checks(EmbedderChecks(make), RetrievalError):
        yield check


class EmbedderChecks:
    """One method for each promise."""

    def __init__(self, make: Callable[[], Embedder]) -> None:
        self._make = make
        self._embedder = make()

    async def rows(self) -> None:
        """A float32 row of `dimensions` numbers for each text, whatever the text."""
        rows = await self._embedder.embed(_TEXTS)
        expected = (len(_TEXTS), self._embedder.dimensions)
        require(rows.shape == expected, f"the shape is {rows.shape}, not {expected}")
        require(rows.dtype == np.float32, f"the type is {rows.dtype}, not float32")
        lengths = np.linalg.norm(rows, axis=1)
        require(np.allclose(lengths, 1, atol=1e-5), f"a row has the length {lengths[np.abs(lengths - 1).argmax()]}")

    async def no_text(self) -> None:
        """No text gives no row."""
        rows = await self._embedder.embed([])
        expected = (0, self._embedder.dimensions)
        require(rows.shape == expected, f"the shape is {rows.shape}, not {expected}")
        require(rows.dtype == np.float32, f"the type is {rows.dtype}, not float32")

    async def same_text(self) -> None:
        """The same text has the same vector, whatever is embedded with it."""
        rows = await self._embedder.embed(_TEXTS)
        require(float(rows[1] @ rows[-1]) > _SAME, "the same text has two vectors in one call")
        alone = await self._embedder.embed([_TEXTS[1]])
        require(float(alone[0] @ rows[1]) > _SAME, "a text has another vector when it is embedded by itself")

    async def other_text(self) -> None:
        """Another text has another vector."""
        one, other = await self._embedder.embed(_DIFFERENT)
        require(float(one @ other) < _TOO_SIMILAR, "texts about different things have the same vector")

    def name(self) -> None:
        """Its name is always the same, as vectors of different names are not compared."""
        require(self._embedder.name, "it has no name")
        require(self._embedder.name == self._make().name, "another instance has another name")

    async def concurrency(self) -> None:
        """Concurrent callers get their own vectors, and one that is cancelled takes no other along."""
        alone = [await self._embedder.embed([text]) for text in _TEXTS]
        calls = [asyncio.create_task(self._embedder.embed([text])) for text in _TEXTS]
        await asyncio.sleep(0)
        calls[0].cancel()
        found = await asyncio.gather(*calls, return_exceptions=True)
        for own, other in zip(alone[1:], found[1:], strict=True):
            if isinstance(other, BaseException):
                raise CheckFailed(f"a concurrent call raised {type(other).__name__}")
            require(float(own[0] @ other[0]) > _SAME, "a concurrent caller got another one's vector")

    async def close(self) -> None:
        """It can be closed."""
        await self._embedder.close()
