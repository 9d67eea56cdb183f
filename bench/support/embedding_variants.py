"""Embedders and callers for the measurement: one over HTTP, a call counter, and concurrent callers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import aiohttp
import numpy as np

from app import vectors
from app.retrieval.base import Embedder, Vectors
from bench.support.embedding_upstream import DIMENSIONS
from bench.support.figures import percentile


class HttpEmbedder:
    """Calls a server that speaks OpenAI's embeddings API, with one request per call."""

    name = "posting"
    dimensions = DIMENSIONS

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self._session = session
        self._address = address

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Return the server's vectors."""
        body = {"model": "m", "input": list(texts), "encoding_format": "base64"}
        async with self._session.post(self._address, json=body) as response:
            answer = await response.json()
        return np.array([vectors.decode(one["embedding"]) for one in answer["data"]])

    async def close(self) -> None:
        """Do nothing: the session is its owner's."""


class CountingEmbedder:
    """Counts the calls of another embedder, which is its owner's to close."""

    def __init__(self, inner: Embedder) -> None:
        self.name = inner.name
        self.dimensions = inner.dimensions
        self.calls = 0
        self._inner = inner

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Return what the other returns."""
        self.calls += 1
        return await self._inner.embed(texts)

    async def close(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one run: texts per second, milliseconds per text, and processor time per text."""

    rate: float
    p50: float
    p99: float
    cpu: float


async def ask(embedder: Embedder, texts: Sequence[str], callers: int) -> Figures:
    """Have this many callers embed one text after the other until all are done."""
    took: list[float] = []
    left = iter(texts)
    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(_caller(embedder, left, took) for _ in range(callers)))
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    p50, p99 = (percentile(took, share) * 1000 for share in (0.5, 0.99))
    return Figures(len(took) / seconds, p50, p99, cpu * 1000 / len(took))


async def _caller(embedder: Embedder, left: Iterator[str], took: list[float]) -> None:
    for text in left:
        began = time.perf_counter()
        await embedder.embed([text])
        took.append(time.perf_counter() - began)
