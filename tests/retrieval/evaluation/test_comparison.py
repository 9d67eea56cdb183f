from __future__ import annotations

from pathlib import Path

import pytest

from app.retrieval.embedding.hashing import HashingEmbedder
from app.retrieval.embedding.minilm import MiniLM
from app.retrieval.evaluation.collection import JudgedCollection, read
from app.retrieval.evaluation.comparison import ranking
from app.retrieval.evaluation.measures import MEASURES, NDCG
from app.retrieval.index.ranking import Fusion
from topics.documents import Document

DOCS = Path(__file__).resolve().parents[3] / "examples/eval/docs"
COLLECTION = JudgedCollection(
    (
        Document(id="a", text="# Apples\n\nApples are red. " * 9, format="text"),
        Document(id="b", text="Pears are green."),
        Document(id="c", text="Cars are fast."),
    ),
    {"1": "green pears", "2": "fast cars"},
    {"1": {"b": 1}, "2": {"c": 1}},
)


async def test_a_document_is_ranked_once_by_its_best_chunk() -> None:
    seen: list[int] = []
    async with ranking(COLLECTION, HashingEmbedder(), words=20, overlap=0, on_document=lambda: seen.append(1)) as one:
        found = await one.compare({"both": Fusion(), "words": Fusion("convex", 0.0)})
    assert len(seen) == 3
    assert {name: [found[name][measure].interval.mean for measure in MEASURES] for name in found} == {
        "both": [1, 1, 1],
        "words": [1, 1, 1],
    }
    assert (found["both"][NDCG].difference, found["words"][NDCG].difference, found["words"][NDCG].p) == (None, 0, 1)


async def test_of_weights_that_are_equally_good_the_one_in_the_middle_is_fitted() -> None:
    async with ranking(COLLECTION, HashingEmbedder(), words=20, overlap=0) as ranker:
        fitted = await ranker.fit(Fusion())
    assert fitted.vector_weight == 0.5
    assert (fitted.expected.mean, fitted.p) == (1, 1)


def test_the_collection_of_this_project_is_well_formed() -> None:
    collection = read(DOCS)
    assert len(collection.queries) >= 60
    assert all(max(found.values()) == 2 for found in collection.judgments.values())


@pytest.mark.slow
async def test_the_default_ranks_better_than_each_half_and_than_plain_reciprocal_ranks() -> None:
    embedder = MiniLM()
    async with ranking(read(DOCS), embedder, words=180, overlap=20) as ranker:
        found = await ranker.compare(
            {
                "default": Fusion(),
                "vectors": Fusion("convex", 1.0),
                "words": Fusion("convex", 0.0),
                "ranks": Fusion("reciprocal-rank"),
            }
        )
    await embedder.close()
    for other in ("vectors", "words", "ranks"):
        measured = found[other][NDCG]
        assert (measured.difference or 0) < 0, other
        assert (measured.p or 0) < 0.05, other
