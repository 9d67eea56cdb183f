"""What every embedder keeps, whoever made it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.conformance import check_names
from app.retrieval.base import Embedder
from app.retrieval.conformance.embedder import EmbedderChecks, probe_embedder
from app.retrieval.embedding.batcher import BatchingEmbedder
from app.retrieval.embedding.hashing import HashingEmbedder
from app.retrieval.embedding.minilm import MiniLM
from app.retrieval.registry import EMBEDDERS

MAKERS: dict[str, Callable[[], Embedder]] = {
    "hashing": HashingEmbedder,
    "minilm": MiniLM,
    "batching hashing": lambda: BatchingEmbedder(HashingEmbedder(), size=3, calls=2),
    "batching minilm": lambda: BatchingEmbedder(MiniLM(), size=4),
}


def test_every_embedder_of_ours_is_here() -> None:
    assert MAKERS.keys() >= EMBEDDERS.keys()


@pytest.mark.parametrize("name", MAKERS)
async def test_it_keeps_every_promise(name: str) -> None:
    checks = {check.name: check async for check in probe_embedder(MAKERS[name])}
    assert [check for check in checks.values() if check.status != "pass"] == []
    assert list(checks) == check_names(EmbedderChecks)
