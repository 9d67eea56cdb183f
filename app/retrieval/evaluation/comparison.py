"""Rank a judged collection with the memory store in several configurations, and fit the weight of meaning."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np

from app.retrieval.base import Embedder, SearchScope
from app.retrieval.embedding.query_memory import QueryMemory
from app.retrieval.evaluation.collection import JudgedCollection
from app.retrieval.evaluation.measures import MEASURES, NDCG, Interval, Values, interval, measure, significance
from app.retrieval.index.ranking import Fusion
from app.retrieval.ingest import prepare_chunks
from app.retrieval.memory import MemoryStore

#: Chunks that are looked at for each query; a document is as good as its best chunk.
DEPTH = 100
#: Documents that are embedded at a time.
_TOGETHER = 16
_FOLDS = 5
#: The weights that are tried.
_WEIGHTS = tuple(round(0.05 * step, 2) for step in range(21))


@dataclass(frozen=True, slots=True)
class Measured:
    """A measure of one configuration; `difference` and `p` compare it with the first one, and are None for that."""

    interval: Interval
    difference: float | None
    p: float | None


@dataclass(frozen=True, slots=True)
class FittedWeight:
    """The best weight, and the nDCG@10 to expect of fitting: each query's by the best weight for other queries."""

    vector_weight: float
    expected: Interval
    p: float


class Ranker:
    """Ranks the documents of a collection."""

    def __init__(self, store: MemoryStore, collection: JudgedCollection) -> None:
        self._store = store
        self._collection = collection

    async def measure(self, fusion: Fusion) -> dict[str, Values]:
        """Return the measures of one configuration, a value for each query."""
        rankings: dict[str, list[str]] = {}
        for query, text in self._collection.queries.items():
            found = await self._store.search_by(fusion, text, limit=DEPTH, scope=SearchScope())
            rankings[query] = list(dict.fromkeys(chunk.document_id for chunk in found))
        return measure(self._collection.judgments, rankings)

    async def compare(self, configurations: Mapping[str, Fusion]) -> dict[str, dict[str, Measured]]:
        """Return the measures of each configuration, compared with the first one."""
        values = {name: await self.measure(fusion) for name, fusion in configurations.items()}
        first = values[next(iter(values))]
        return {name: {one: _measured(own[one], first[one]) for one in MEASURES} for name, own in values.items()}

    async def fit(self, configured: Fusion) -> FittedWeight:
        """Return the weight of meaning that ranks best by nDCG@10; `p` compares what to expect with `configured`."""
        rows = [(await self.measure(Fusion("convex", weight)))[NDCG] for weight in _WEIGHTS]
        gains = np.stack(rows)
        fold = np.random.default_rng(0).permutation(gains.shape[1]) % _FOLDS
        expected = np.concatenate([gains[_best(gains[:, fold != one]), fold == one] for one in range(_FOLDS)])
        before = (await self.measure(configured))[NDCG]
        compared = np.concatenate([before[fold == one] for one in range(_FOLDS)])
        return FittedWeight(_WEIGHTS[_best(gains)], interval(expected), significance(expected, compared))


@asynccontextmanager
async def ranking(
    collection: JudgedCollection,
    embedder: Embedder,
    *,
    words: int,
    overlap: int,
    on_document: Callable[[], None] = lambda: None,
) -> AsyncIterator[Ranker]:
    """Index the collection as a worker does, in memory, and yield what ranks it; `on_document` is called after each.

    Raises:
        MissingDependency: the lexical index is not installed.
        RetrievalError: the embedder failed.
    """
    store = MemoryStore(QueryMemory(embedder))
    await store.load()
    for at in range(0, len(collection.documents), _TOGETHER):
        documents = collection.documents[at : at + _TOGETHER]
        ready = (prepare_chunks(one, embedder=embedder, words=words, overlap=overlap) for one in documents)
        for parts in await asyncio.gather(*ready):
            for part in parts:
                await store.apply(part)
            on_document()
    yield Ranker(store, collection)


def _measured(values: Values, first: Values) -> Measured:
    if values is first:
        return Measured(interval(values), None, None)
    return Measured(interval(values), float(values.mean() - first.mean()), significance(values, first))


def _best(gains: Values) -> int:
    """Return which row has the highest mean; of equal ones, the one in their middle."""
    means = gains.mean(axis=1)
    best = np.flatnonzero(np.isclose(means, means.max()))
    return int(best[len(best) // 2])
