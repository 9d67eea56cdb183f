"""What every embedder keeps, whoever made it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest

from app.retrieval.base import Embedder
from app.retrieval.hashing import Hashing
from app.retrieval.minilm import MiniLM

TEXTS = ["", "one word", "Ünïcode 設定 🙂", "word " * 2000, "\n\t ", "\ud800", "one word"]
MAKERS: dict[str, Callable[[], Hashing | MiniLM]] = {"hashing": Hashing, "minilm": MiniLM}


@pytest.fixture(params=MAKERS)
async def embedder(request: pytest.FixtureRequest) -> AsyncIterator[Embedder]:
    embedder = MAKERS[request.param]()
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


async def test_its_name_does_not_change(embedder: Embedder) -> None:
    assert embedder.name
    assert embedder.name == MAKERS["hashing" if isinstance(embedder, Hashing) else "minilm"]().name
