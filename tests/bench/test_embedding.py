from __future__ import annotations

import aiohttp
import numpy as np
from aiohttp import web

from app.retrieval.embedding.hashing import HashingEmbedder
from bench.embedding import compare, measure
from bench.support.embedding_upstream import DIMENSIONS, application
from bench.support.embedding_variants import CountingEmbedder, HttpEmbedder, ask


async def test_that_the_server_gives_a_vector_for_each_text() -> None:
    runner = web.AppRunner(application(0.0))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:
        rows = await HttpEmbedder(session, f"http://127.0.0.1:{runner.addresses[0][1]}/v1/embeddings").embed(["a", "b"])
    await runner.cleanup()
    assert rows.shape == (2, DIMENSIONS)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1)


async def test_that_every_text_is_asked_for_once() -> None:
    counted = CountingEmbedder(HashingEmbedder())
    figures = await ask(counted, ["a", "b", "c", "d", "e"], callers=2)
    assert counted.calls == 5
    assert 0 < figures.p50 <= figures.p99
    assert figures.rate > 0


async def test_that_calls_are_fewer_with_batches() -> None:
    side = (HashingEmbedder(), 8, 1)
    assert (await measure(side, 64, 32, batched=False))[0] == 64
    assert 8 <= (await measure(side, 64, 32, batched=True))[0] < 64


async def test_that_both_are_told() -> None:
    without, batched = await compare("hashing", (HashingEmbedder(), 8, 1), callers=4, texts=8, rounds=1)
    assert without[:5] == ("hashing", 4, "no", 8, 8)
    assert batched[:4] == ("hashing", 4, "yes", 8)
