"""The gain of batching embeddings: `python -m bench.embedding`; no broker, less than half a minute.

Callers ask for one short text after the other, of the local embedder and of a server of its own process of which each
call takes 20 ms; each with what suits it (see `app.retrieval.registry`), beside calls of one text each, in turn.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import astuple
from statistics import median

import aiohttp

from app.cli.event_loop import run
from app.retrieval.base import Embedder
from app.retrieval.embedding.batcher import BatchingEmbedder
from app.retrieval.embedding.minilm import MiniLM
from app.retrieval.registry import BATCH_CALLS, BATCH_SIZE
from bench.support.embedding_variants import CountingEmbedder, HttpEmbedder, ask
from bench.support.figures import table
from testkit.process import start

_LATENCY = 0.02
#: By embedder: the number of texts and of concurrent callers.
LOADS: Mapping[str, Mapping[int, int]] = {
    "minilm": {1: 32, 16: 96, 64: 128},
    "20 ms over HTTP": {1: 20, 16: 320, 256: 2048},
}

#: An embedder, its batch size, and its number of concurrent calls.
Side = tuple[Embedder, int, int]
Row = tuple[object, ...]


@asynccontextmanager
async def embedders() -> AsyncIterator[Mapping[str, Side]]:
    """Yield both, warm."""
    local = MiniLM()
    await local.warm()
    async with _hosted() as hosted:
        sides = ((local, local.batch_size, local.batch_calls), (hosted, BATCH_SIZE, BATCH_CALLS))
        yield dict(zip(LOADS, sides, strict=True))
    await local.close()


@asynccontextmanager
async def _hosted() -> AsyncIterator[Embedder]:
    upstream = await start("bench.support.embedding_upstream", str(_LATENCY))
    try:
        address = f"http://127.0.0.1:{await upstream.says('ready')}/v1/embeddings"
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            yield HttpEmbedder(session, address)
    finally:
        await upstream.stop()


async def measure(side: Side, texts: int, callers: int, *, batched: bool) -> tuple[float, ...]:
    """Return the number of calls and the figures of one run."""
    embedder, size, calls = side
    counted = CountingEmbedder(embedder)
    asked = BatchingEmbedder(counted, size=size, calls=calls) if batched else counted
    figures = await ask(asked, [f"How is server number {number} started?" for number in range(texts)], callers)
    await asked.close()
    return float(counted.calls), *astuple(figures)


async def compare(name: str, side: Side, callers: int, texts: int, rounds: int) -> list[Row]:
    """Return a row without batches and one with, each of medians."""
    runs: dict[str, list[tuple[float, ...]]] = {"no": [], "yes": []}
    for _ in range(rounds):
        for batches, found in runs.items():
            found.append(await measure(side, texts, callers, batched=batches == "yes"))
    medians = {batches: [median(column) for column in zip(*found, strict=True)] for batches, found in runs.items()}
    return [(name, callers, batches, texts, round(calls), *rest) for batches, (calls, *rest) in medians.items()]


async def main(options: Namespace) -> None:
    """Measure, and print."""
    rows: list[Row] = []
    async with embedders() as found:
        for name, side in found.items():
            for callers, texts in LOADS[name].items():
                rows += await compare(name, side, callers, texts, options.rounds)
    print(table(("embedder", "callers", "batches", "texts", "calls", "texts/s", "p50 ms", "p99 ms", "CPU ms"), rows))


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    run(main(parser.parse_args()))
