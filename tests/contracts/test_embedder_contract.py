"""What every embedder keeps, whoever made it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest

from app.retrieval.base import Embedder
from app.retrieval.embedding.batcher import BatchingEmbedder
from app.retrieval.embedding.hashing import HashingEmbedder
from app.retrieval.embedding.minilm import MiniLM

TEXTS = ["", "one word", "Ünïcode 設定 🙂", "word " * 2000, "\n\t ", "\ud800", "one word"]
MAKERS: dict[str, Callable[[], Embedder]] = {
    "hashing": HashingEmbedder,
    "minilm": MiniLM,
    "batching hashing": lambda: BatchingEmbedder(HashingEmbedder(), size=3, calls=2),
    "batching minilm": lambda: BatchingEmbedder(MiniLM(), size=4),
}


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest) -> Callable[[], Embedder]:
    return MAKERS[request.param]


@pytest.fixture
async def embedder(make: Callable[[], Embedder]) -> AsyncIterator[Embedder]:
    embedder = make()
    yield embedder
    await embedder.close()


async def test_a_row_for_each_text(embedder: Embedder) -> None:
    rows = await embedder.embed(TEXTS)
    assert rows.shape == (len(TEXTS), embedder.dimensions)
    assert rows.dtype == np.float32


async def test_no_text_is_no_row(embedder: Embedder) -> None:
    rows = await embedder.embed([])
    assert rows.shape == (0, embedder.dimensions)
    assert rows.dtype == np.float32


async def test_every_row_has_length_one(embedder: Embedder) -> None:
    assert np.allclose(np.linalg.norm(await embedder.embed(TEXTS), axis=1), 1, atol=1e-5)


async def test_the_same_text_is_the_same_vector(embedder: Embedder) -> None:
    rows = await embedder.embed(TEXTS)
    assert float(rows[1] @ rows[-1]) > 0.9999
    assert float((await embedder.embed([TEXTS[1]]))[0] @ rows[1]) > 0.9999


async def test_another_text_is_another_vector(embedder: Embedder) -> None:
    first, second = await embedder.embed(["the broker stores events", "apples grow on trees"])
    assert float(first @ second) < 0.9


async def test_its_name_does_not_change(embedder: Embedder, make: Callable[[], Embedder]) -> None:
    assert embedder.name
    assert embedder.name == make().name


async def test_those_who_ask_at_once_get_their_own(embedder: Embedder) -> None:
    alone = [await embedder.embed([text]) for text in TEXTS]
    together = await asyncio.gather(*(embedder.embed([text]) for text in TEXTS))
    assert all(float(one[0] @ other[0]) > 0.9999 for one, other in zip(alone, together, strict=True))


async def test_one_who_goes_away_takes_nobody_along(embedder: Embedder) -> None:
    asking = [asyncio.create_task(embedder.embed([text])) for text in TEXTS]
    await asyncio.sleep(0)
    asking[0].cancel()
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert all(isinstance(one, np.ndarray) and one.shape == (1, embedder.dimensions) for one in found[1:])
