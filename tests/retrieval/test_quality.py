"""Real questions, put to real documents, with the real model: the right passage is among the first three."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.retrieval.base import SearchScope
from app.retrieval.embedding.minilm import MiniLM
from app.retrieval.files import read_documents
from app.retrieval.ingest import prepare_chunks
from app.retrieval.memory import MemoryStore

QUESTIONS = {
    "How do I launch the service?": ("operations.md", "Starting a worker"),
    "What happens to work in progress at shutdown?": ("operations.md", "Stopping a worker"),
    "Is there a limit to horizontal scaling?": ("operations.md", "Scaling out"),
    "Do I have to save the search index?": ("operations.md", "Backups"),
    "Where do malformed events end up?": ("reliability.md", "Poison messages"),
    "Is HTTP 429 retried?": ("reliability.md", "Retries"),
    "Will I be charged twice after a crash?": ("reliability.md", "Duplicates"),
    "How is the winner found for labels?": ("answers.md", "Voting"),
    "How are long answers compared by meaning?": ("answers.md", "Consensus"),
    "Can an API key leak into the logs?": ("security.md", "Secrets"),
    "How can I erase somebody's document?": ("security.md", "Personal data"),
    "Which address do the servers bind to?": ("security.md", "Network"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store() -> AsyncIterator[MemoryStore]:
    embedder = MiniLM()
    store = MemoryStore(embedder)
    folder = Path(__file__).parent / "data"
    for document in read_documents([folder], folder):
        for part in await prepare_chunks(document, embedder=embedder, words=60, overlap=10):
            await store.apply(part)
    yield store
    await embedder.close()


@pytest.mark.asyncio(loop_scope="module")
async def test_the_ranking_is_as_good_as_it_was(store: MemoryStore) -> None:
    gains = [await _gain(store, question) for question in QUESTIONS]
    assert sum(gains) / len(gains) >= 0.93


async def _gain(store: MemoryStore, question: str) -> float:
    """Return the nDCG at 10 of a question that has one right passage."""
    found = await store.search(question, limit=10, scope=SearchScope())
    passages = [(chunk.source, chunk.heading.split(" > ")[-1]) for chunk in found]
    return 1 / math.log2(2 + passages.index(QUESTIONS[question])) if QUESTIONS[question] in passages else 0.0


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("question", QUESTIONS)
async def test_the_right_passage_is_among_the_first_three(store: MemoryStore, question: str) -> None:
    found = await store.search(question, limit=3, scope=SearchScope())
    assert QUESTIONS[question] in {(chunk.source, chunk.heading.split(" > ")[-1]) for chunk in found}
