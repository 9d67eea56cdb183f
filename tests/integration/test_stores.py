"""A store that all workers share, on real Kafka and PostgreSQL: workers die, documents change, it is made anew."""

from __future__ import annotations

import asyncio
import functools
import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.admin import document_sending, reindexing
from app.brokers.base import Connection
from app.brokers.topics import InternalTopic, ensure_topics
from app.client.client import Client, attach
from app.retrieval.base import RemoteStore, SearchScope
from app.retrieval.registry import build_embedder, build_stores
from app.settings import Settings
from testkit.cluster.harness import configuration, new_prefix
from testkit.cluster.workers import Workers
from topics.documents import Document

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

#: The documents, and the sections of each, which are its chunks.
DOCUMENTS, SECTIONS = 300, 4


def _document(number: int, version: str) -> Document:
    sections = (f"## Part {part}\n\nThe {version} text {part} of document {number}.\n" for part in range(SECTIONS))
    return Document(id=f"d{number}", text="\n".join(sections), tenant="acme" if number % 2 else "")


async def _chunks(store: RemoteStore) -> int:
    return (await store.status()).chunks or 0


async def _until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(120):
        while not await holds():  # noqa: ASYNC110  # the store tells nobody
            await asyncio.sleep(0.2)


async def _matches(store: RemoteStore, client: Client, chunks: int) -> bool:
    """Return whether the store holds each chunk of the topic's documents, once, and nothing else."""
    expected = await reindexing.revisions(client)
    held = await store.revisions()
    return {key: list(counts) for key, counts in held.items()} == {key: [one] for key, one in expected.items()} and sum(
        sum(counts.values()) for counts in held.values()
    ) == chunks


async def test_that_each_chunk_is_there_once_when_workers_die(
    kafka: Connection, postgres_url: str, tmp_path: Path
) -> None:
    prefix = new_prefix()
    store = {"kind": "pgvector", "endpoint": postgres_url, "options": {"index": prefix.replace("-", "_") + "docs"}}
    raw = configuration(prefix, "http://127.0.0.1:9") | {
        "retrieval": {"store": "docs", "stores": {"docs": store}, "embedder": "hashing"}
    }
    settings = Settings.model_validate(raw)
    await ensure_topics(kafka, settings.topics, [InternalTopic(f"{prefix}{settings.app_id}-runs", compacted=True)])
    embedder = build_embedder(settings.retrieval)
    stores = build_stores(settings.retrieval, embedder)
    docs = stores.remote["docs"]
    async with Workers(kafka.bootstrap_servers, raw, tmp_path / "log") as workers, attach(settings, kafka) as client:
        first, _ = await workers.start(2)
        await document_sending.send(client, [_document(number, "old") for number in range(DOCUMENTS)])
        await _until(lambda: _more_than(docs, DOCUMENTS // 10))
        await workers.kill(first)
        assert await _chunks(docs) < DOCUMENTS * SECTIONS  # it was amid them
        await document_sending.send(client, [_document(number, "new") for number in range(DOCUMENTS // 2)])
        await workers.start(1)
        gone = [_document(number, "").model_copy(update={"deleted": True}) for number in range(10)]
        await document_sending.send(client, gone)
        left = (DOCUMENTS - len(gone)) * SECTIONS
        await _until(lambda: _matches(docs, client, left))
        found = await stores.search("the new text 1 of document 21", limit=3, scope=SearchScope(tenant="acme"))
        assert found.chunks[0].document_id == "d21"
        assert "new" in found.chunks[0].text
        assert not (await stores.search("the text of document 5", limit=50, scope=SearchScope(tenant="x"))).failed

        applied: list[int] = []
        changing = asyncio.create_task(_change(client))
        name = await reindexing.reindex(client, docs, applied.append, lambda _tenant: True)
        await changing
        assert (await docs.status()).index == name
        assert functools.reduce(operator.add, applied) >= DOCUMENTS - len(gone)
        await _until(lambda: _matches(docs, client, left))
    await stores.close()
    await embedder.close()


async def _more_than(store: RemoteStore, chunks: int) -> bool:
    return await _chunks(store) > chunks


async def _change(client: Client) -> None:
    """Change documents while the index is made anew."""
    for number in range(100, 200):
        await document_sending.send(client, [_document(number, "newest")])
