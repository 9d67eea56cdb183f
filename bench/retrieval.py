"""How fast is the memory store? `python -m bench.retrieval`: no broker, no model, some minutes.

Chunks are made of words with the frequencies of a language, and vectors of clusters. Both sides are measured in one
run: hybrid searches of the store, and usearch and bm25s called alone. Searches come at 50 a second,
once with nothing else to do and once while documents are added. Needs usearch: `pip install usearch`.
"""

from __future__ import annotations

import asyncio
import resource
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

import bm25s
import numpy as np
from usearch.index import Index

from app import vectors
from app.cli.event_loop import run, tune_garbage_collector
from app.retrieval.base import SearchScope, Vectors
from app.retrieval.index.lexical import stems
from app.retrieval.memory import MemoryStore
from bench.support.figures import table
from topics.chunks import DocumentChunks, EmbeddedChunk
from topics.metadata_filters import MetadataFilter
from topics.retrieval_results import Chunk

_DIMENSIONS, _WORDS, _LENGTH, _CLUSTERS = 384, 50_000, 120, 500
_BEST, _QUERIES, _RATE, _CHUNKS = 100, 200, 50, 10
_RNG = np.random.default_rng(7)
_CENTRES = _RNG.normal(size=(_CLUSTERS, _DIMENSIONS)).astype(np.float32)


class Embedder:
    """Gives each text a vector near one of the centres; the same text always the same."""

    name, dimensions = "bench", _DIMENSIONS

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row for each text."""
        return np.stack([_vector(hash(text) & 0xFFFFFFFF) for text in texts])

    async def close(self) -> None:
        """Nothing is held."""


def _vector(seed: int) -> Vectors:
    rng = np.random.default_rng(seed)
    row = _CENTRES[rng.integers(_CLUSTERS)] + rng.normal(size=_DIMENSIONS)
    return np.asarray(row / np.linalg.norm(row), dtype=np.float32)


def _text(length: int = _LENGTH) -> str:
    return " ".join(f"w{word}x" for word in _RNG.zipf(1.2, length) % _WORDS)


def _document(number: int) -> DocumentChunks:
    chunks = []
    for place in range(_CHUNKS):
        chunk = Chunk(id=f"{number}#{place}", document_id=f"{number}", source="bench", lines=(1, 1), text=_text())
        chunks.append(EmbeddedChunk(chunk=chunk, embedding=vectors.encode(_vector(number * _CHUNKS + place))))
    metadata = {"percent": number % 100}
    return DocumentChunks(document_id=f"{number}", version="1", chunks=tuple(chunks), metadata=metadata)


def _memory() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


async def main(options: Namespace) -> None:
    """Fill the store, measure, and print."""
    tune_garbage_collector()  # as a worker does
    count = options.chunks // _CHUNKS
    queries = [_text(8) for _ in range(_QUERIES)]
    with tempfile.TemporaryDirectory() as folder:
        store, before = MemoryStore(Embedder(), path=Path(folder, "index")), _memory()
        started = time.perf_counter()
        for number in range(count):
            await store.apply(_document(number))
        await store.search("first", limit=1, scope=SearchScope())
        print(f"{options.chunks} chunks indexed in {time.perf_counter() - started:.0f} s")
        print(f"memory: {(_memory() - before) / options.chunks / 1000:.1f} kB a chunk\n")
        rows = [("hybrid, all", *await _searches(store, queries))]
        for percent in (50, 10, 1):
            by = MetadataFilter.model_validate({"field": "percent", "lt": percent})
            rows.append((f"hybrid, filter of {percent} %", *await _searches(store, queries, by)))
        rows += _alone(store, queries)
        print(table(("search", "p50 ms", "p99 ms"), rows))
        print()
        await _under_changes(store, queries, count, options.added)
        await _cold_start(store, Path(folder, "index"))


async def _searches(store: MemoryStore, queries: Sequence[str], by: MetadataFilter | None = None) -> tuple[str, str]:
    seconds = []
    for query in queries:
        started = time.perf_counter()
        await store.search(query, limit=_BEST, scope=SearchScope(filter=by))
        seconds.append(time.perf_counter() - started)
    return _shown(seconds)


def _alone(store: MemoryStore, queries: Sequence[str]) -> list[tuple[str, str, str]]:
    """Search by the libraries, over the same chunks."""
    parts = [one for part in store.parts() for one in part.chunks]
    lexical = bm25s.BM25(method="lucene")
    lexical.index(stems([one.chunk.text for one in parts]), show_progress=False)
    semantic = Index(ndim=_DIMENSIONS, metric="cos")
    rows = np.stack([vectors.decode(one.embedding) for one in parts])
    semantic.add(np.arange(len(rows)), rows, threads=2)
    asked = [_vector(hash(query) & 0xFFFFFFFF) for query in queries]
    words = [stems([query])[0] for query in queries]

    def ranked(query: int) -> None:
        scores = lexical.get_scores(words[query])
        np.argpartition(-scores, _BEST)[:_BEST]

    return [
        ("usearch, approximate", *_timed(lambda query: semantic.search(asked[query], _BEST))),
        ("usearch, exact", *_timed(lambda query: semantic.search(asked[query], _BEST, exact=True))),
        ("bm25s", *_timed(ranked)),
    ]


def _timed(search: Callable[[int], object]) -> tuple[str, str]:
    seconds = []
    for query in range(_QUERIES):
        started = time.perf_counter()
        search(query)
        seconds.append(time.perf_counter() - started)
    return _shown(seconds)


def _shown(seconds: Sequence[float]) -> tuple[str, str]:
    middle, most = np.quantile(seconds, [0.5, 0.99]) * 1000
    return f"{middle:.1f}", f"{most:.1f}"


async def _under_changes(store: MemoryStore, queries: Sequence[str], first: int, added: int) -> None:
    """Search at a rate: with nothing else to do, and while documents are added."""
    documents = [_document(first + number) for number in range(added // _CHUNKS)]
    tune_garbage_collector()
    quiet = await _at_a_rate(store, queries, 10)
    adding = asyncio.create_task(_add(store, documents, 20))
    busy = await _at_a_rate(store, queries, 20)
    await adding
    rows = [("quiet", *_shown(quiet)), (f"while {added} chunks are added", *_shown(busy))]
    print(table((f"{_RATE} searches/s", "p50 ms", "p99 ms"), rows))
    print()


async def _at_a_rate(store: MemoryStore, queries: Sequence[str], seconds: float) -> list[float]:
    async def one(query: str) -> float:
        started = time.perf_counter()
        await store.search(query, limit=10, scope=SearchScope())
        return time.perf_counter() - started

    begun, tasks = time.perf_counter(), list[asyncio.Task[float]]()
    while time.perf_counter() - begun < seconds:
        tasks.append(asyncio.create_task(one(queries[len(tasks) % len(queries)])))
        await asyncio.sleep(max(0.0, begun + len(tasks) / _RATE - time.perf_counter()))
    return await asyncio.gather(*tasks)


async def _add(store: MemoryStore, documents: Sequence[DocumentChunks], seconds: float) -> None:
    for document in documents:
        await store.apply(document)
        await asyncio.sleep(seconds / len(documents))


async def _cold_start(store: MemoryStore, path: Path) -> None:
    await store.close()
    started, again = time.perf_counter(), MemoryStore(Embedder(), path=path)
    await again.load()
    loaded = time.perf_counter() - started
    await again.search("first", limit=1, scope=SearchScope())
    print(f"cold start: {loaded:.1f} s to read, {time.perf_counter() - started:.1f} s to the first result")


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--added", type=int, default=5_000)
    run(main(parser.parse_args()))
